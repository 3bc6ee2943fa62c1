package mediatest

// Cast returns everybody, Resident and Stranger first. Their measures were picked with the engines looking on: the
// first two are far apart for each of them. The others are distinct, but a network may find two of them just above its
// threshold, so a test that counts on one not being known wants Stranger.
func Cast() []Person {
	return []Person{Resident(), Stranger(), Grandmother(), Neighbour(), Librarian(), Courier()}
}

// Resident is the one who is enrolled.
func Resident() Person {
	return Person{
		Name: "Resident",
		Skin: Color{0.76, 0.55, 0.42}, Hair: Color{0.08, 0.06, 0.05}, Style: Long,
		Shirt: Color{0.60, 0.62, 0.48}, Aspect: 0.747, Jaw: 1.809, Cheeks: 0.014,
		EyeY: -0.005, EyeGap: 0.323, EyeWidth: 0.143, EyeOpen: 0.054, EyeTilt: 0.015,
		Iris: Color{0.25, 0.14, 0.08}, BrowGap: 0.16, Brow: 0.041, BrowArch: 0.056, BrowTilt: -0.02,
		NoseLong: 0.326, NoseWide: 0.116, MouthGap: 0.225, MouthWide: 0.227, Lips: 0.055, Lipstick: 0.231,
		Lines: 0.67,
	}
}

// Stranger is the one whom nobody knows.
func Stranger() Person {
	return Person{
		Name: "Stranger",
		Skin: Color{0.95, 0.80, 0.70}, Hair: Color{0.60, 0.26, 0.10}, Style: Parted,
		Shirt: Color{0.71, 0.35, 0.13}, Aspect: 0.841, Jaw: 2.464, Cheeks: -0.063,
		EyeY: -0.026, EyeGap: 0.333, EyeWidth: 0.147, EyeOpen: 0.069, EyeTilt: -0.009,
		Iris: Color{0.32, 0.40, 0.22}, BrowGap: 0.219, Brow: 0.04, BrowArch: 0.008, BrowTilt: 0.01,
		NoseLong: 0.356, NoseWide: 0.205, MouthGap: 0.184, MouthWide: 0.247, Lips: 0.059,
		Beard: FullBeard, BeardTint: Color{0.54, 0.23, 0.09},
		Freckles: 0.122,
	}
}

// Grandmother is one of the others.
func Grandmother() Person {
	return Person{
		Name: "Grandmother",
		Skin: Color{0.62, 0.42, 0.30}, Hair: Color{0.72, 0.72, 0.72}, Style: Long,
		Shirt: Color{0.21, 0.36, 0.54}, Aspect: 0.872, Jaw: 3.311, Cheeks: 0.061,
		EyeY: 0.022, EyeGap: 0.378, EyeWidth: 0.159, EyeOpen: 0.074, EyeTilt: -0.018,
		Iris: Color{0.25, 0.14, 0.08}, BrowGap: 0.158, Brow: 0.015, BrowArch: 0.035, BrowTilt: -0.021,
		NoseLong: 0.298, NoseWide: 0.222, MouthGap: 0.197, MouthWide: 0.299, Lips: 0.078, Lipstick: 0.481,
		Lines: 0.411, Freckles: 0.625,
	}
}

// Neighbour is one of the others.
func Neighbour() Person {
	return Person{
		Name: "Neighbour",
		Skin: Color{0.95, 0.80, 0.70}, Hair: Color{0.20, 0.12, 0.08}, Style: Bald,
		Shirt: Color{0.13, 0.47, 0.53}, Aspect: 0.748, Jaw: 3.266, Cheeks: -0.02,
		EyeY: -0.034, EyeGap: 0.268, EyeWidth: 0.114, EyeOpen: 0.062, EyeTilt: 0.019,
		Iris: Color{0.25, 0.14, 0.08}, BrowGap: 0.142, Brow: 0.027, BrowArch: 0.046, BrowTilt: 0.011,
		NoseLong: 0.415, NoseWide: 0.204, MouthGap: 0.241, MouthWide: 0.307, Lips: 0.072, Lipstick: 0.713,
		Lines: 0.883, Freckles: 0.941,
	}
}

// Librarian is one of the others.
func Librarian() Person {
	return Person{
		Name: "Librarian",
		Skin: Color{0.93, 0.74, 0.62}, Hair: Color{0.08, 0.06, 0.05}, Style: Bun,
		Shirt: Color{0.57, 0.69, 0.29}, Aspect: 0.742, Jaw: 3.175, Cheeks: -0.047,
		EyeY: 0.015, EyeGap: 0.368, EyeWidth: 0.111, EyeOpen: 0.038, EyeTilt: -0.013,
		Iris: Color{0.32, 0.40, 0.22}, BrowGap: 0.238, Brow: 0.028, BrowArch: 0.058, BrowTilt: -0.009,
		NoseLong: 0.462, NoseWide: 0.19, MouthGap: 0.178, MouthWide: 0.273, Lips: 0.066, Lipstick: 0.787,
		Glasses: 0.018, Frame: Color{0.20, 0.04, 0.08},
		Lines: 0.515, Freckles: 0.995,
	}
}

// Courier is one of the others.
func Courier() Person {
	return Person{
		Name: "Courier",
		Skin: Color{0.74, 0.53, 0.40}, Hair: Color{0.20, 0.12, 0.08}, Style: Curly,
		Shirt: Color{0.46, 0.37, 0.32}, Aspect: 0.67, Jaw: 1.874, Cheeks: -0.023,
		EyeY: 0.046, EyeGap: 0.279, EyeWidth: 0.176, EyeOpen: 0.085, EyeTilt: 0.011,
		Iris: Color{0.32, 0.40, 0.22}, BrowGap: 0.199, Brow: 0.017, BrowArch: 0.06, BrowTilt: -0.029,
		NoseLong: 0.274, NoseWide: 0.119, MouthGap: 0.185, MouthWide: 0.241, Lips: 0.053,
		Beard: Moustache, BeardTint: Color{0.18, 0.11, 0.07},
		Freckles: 0.266,
	}
}
