package mediatest

// Cast returns everybody, Resident and Stranger first. Their measures were picked so that no two are alike to a face
// recognition network, and the first two least of all.
func Cast() []Person {
	return []Person{Resident(), Stranger(), Librarian(), Grandfather(), Student(), Gardener(), Neighbour()}
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

// Librarian is one of the others.
func Librarian() Person {
	return Person{
		Name: "Librarian",
		Skin: Color{0.95, 0.80, 0.70}, Hair: Color{0.60, 0.26, 0.10}, Style: Bob,
		Shirt: Color{0.72, 0.56, 0.44}, Aspect: 0.714, Jaw: 2.83, Cheeks: -0.072,
		EyeY: 0.053, EyeGap: 0.312, EyeWidth: 0.125, EyeOpen: 0.057, EyeTilt: -0.001,
		Iris: Color{0.32, 0.40, 0.22}, BrowGap: 0.176, Brow: 0.035, BrowArch: 0.048, BrowTilt: 0.016,
		NoseLong: 0.345, NoseWide: 0.2, MouthGap: 0.246, MouthWide: 0.21, Lips: 0.046, Lipstick: 0.535,
		Glasses: 0.016, Frame: Color{0.12, 0.03, 0.01},
		Lines: 0.259,
	}
}

// Grandfather is one of the others.
func Grandfather() Person {
	return Person{
		Name: "Grandfather",
		Skin: Color{0.66, 0.46, 0.34}, Hair: Color{0.72, 0.72, 0.72}, Style: Parted,
		Shirt: Color{0.45, 0.52, 0.60}, Aspect: 0.809, Jaw: 2.232, Cheeks: 0.048,
		EyeY: 0.004, EyeGap: 0.303, EyeWidth: 0.143, EyeOpen: 0.063, EyeTilt: -0.014,
		Iris: Color{0.25, 0.14, 0.08}, BrowGap: 0.173, Brow: 0.035, BrowArch: 0.033, BrowTilt: -0.028,
		NoseLong: 0.391, NoseWide: 0.167, MouthGap: 0.243, MouthWide: 0.286, Lips: 0.075,
		Beard: Goatee, BeardTint: Color{0.65, 0.65, 0.65},
		Lines: 0.669,
	}
}

// Student is one of the others.
func Student() Person {
	return Person{
		Name: "Student",
		Skin: Color{0.44, 0.30, 0.22}, Hair: Color{0.08, 0.06, 0.05}, Style: Short,
		Shirt: Color{0.78, 0.16, 0.13}, Aspect: 0.719, Jaw: 2.338, Cheeks: 0.029,
		EyeY: -0.025, EyeGap: 0.348, EyeWidth: 0.168, EyeOpen: 0.074, EyeTilt: 0.012,
		Iris: Color{0.25, 0.14, 0.08}, BrowGap: 0.15, Brow: 0.024, BrowArch: 0.039, BrowTilt: 0.003,
		NoseLong: 0.33, NoseWide: 0.185, MouthGap: 0.209, MouthWide: 0.304, Lips: 0.081,
	}
}

// Gardener is one of the others.
func Gardener() Person {
	return Person{
		Name: "Gardener",
		Skin: Color{0.52, 0.35, 0.26}, Hair: Color{0.20, 0.12, 0.08}, Style: Long,
		Shirt: Color{0.24, 0.59, 0.28}, Aspect: 0.737, Jaw: 2.031, Cheeks: 0.044,
		EyeY: 0.005, EyeGap: 0.304, EyeWidth: 0.17, EyeOpen: 0.056, EyeTilt: -0.009,
		Iris: Color{0.25, 0.14, 0.08}, BrowGap: 0.226, Brow: 0.02, BrowArch: 0.044, BrowTilt: -0.028,
		NoseLong: 0.408, NoseWide: 0.112, MouthGap: 0.229, MouthWide: 0.248, Lips: 0.041, Lipstick: 0.841,
		Glasses: 0.024, Frame: Color{0.00, 0.07, 0.17},
	}
}

// Neighbour is one of the others.
func Neighbour() Person {
	return Person{
		Name: "Neighbour",
		Skin: Color{0.93, 0.74, 0.62}, Hair: Color{0.20, 0.12, 0.08}, Style: Bun,
		Shirt: Color{0.45, 0.50, 0.65}, Aspect: 0.71, Jaw: 2.504, Cheeks: -0.065,
		EyeY: 0.023, EyeGap: 0.311, EyeWidth: 0.121, EyeOpen: 0.048, EyeTilt: 0.024,
		Iris: Color{0.25, 0.14, 0.08}, BrowGap: 0.21, Brow: 0.038, BrowArch: 0.059, BrowTilt: 0.017,
		NoseLong: 0.315, NoseWide: 0.197, MouthGap: 0.207, MouthWide: 0.238, Lips: 0.079, Lipstick: 0.526,
		Freckles: 0.508,
	}
}
