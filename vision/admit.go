package vision

// enrolPart of the model's threshold is the cosine below which two photos of one person do not resemble each other. It
// is lower than the threshold, because photos of one person lie years and beards apart: of MobileFaceNet's 1,080 pairs
// of photos of one person in ORL one lies below 0.30, of its pairs of two people 98 % do.
const enrolPart = 0.75

// Admit compares photos of the person of that name with each other, with the person's templates in the gallery, and
// with everybody else's there. It changes the verdict of those that are not to be used:
//
//   - Photos that resemble each other, directly or through others of them, belong together. The person is whom the
//     templates in the gallery show; without any, whom the largest group of two or more shows. The rest is FaceUnlike.
//   - Where no group is the largest nobody can tell who the person is, and every photo is PhotosDiffer: none is used.
//     A photo that is the only one has nothing to differ from.
//   - A photo that reaches the gallery's threshold with somebody else is FaceOfOther, whatever else it resembles.
func (g *Gallery) Admit(name string, photos []Candidate) {
	var usable []*Candidate
	for i := range photos {
		if photos[i].OK() {
			usable = append(usable, &photos[i])
		}
	}
	own := g.templates(name)
	limit := g.model.Threshold * enrolPart
	groups := kin(usable, own, limit)
	person := kinOfPerson(groups, len(own) > 0)
	for i, c := range usable {
		switch {
		case person < 0:
			c.Finding = PhotosDiffer
		case groups[i] != person:
			c.Finding = FaceUnlike
		}
		if !c.OK() {
			c.Score = likest(usable, own, i)
		}
		if who, score := g.nearestOther(c.Template, name); who != "" && score >= g.threshold {
			c.Finding, c.Person, c.Score = FaceOfOther, who, score
		}
	}
}

// ownKin is the group of the photos that resemble the person's templates.
const ownKin = 0

// kin numbers the group of each photo; ownKin is of those that belong to the templates own.
func kin(photos []*Candidate, own []Embedding, limit float64) []int {
	groups := make([]int, len(photos))
	for i := range groups {
		groups[i] = -1
	}
	// spread takes in whatever resembles e, and what resembles that.
	var spread func(e Embedding, group int)
	spread = func(e Embedding, group int) {
		for i, c := range photos {
			if groups[i] < 0 && c.Template.Dot(e) >= limit {
				groups[i] = group
				spread(c.Template, group)
			}
		}
	}
	for _, e := range own {
		spread(e, ownKin)
	}
	for i, c := range photos {
		if groups[i] < 0 {
			groups[i] = ownKin + 1 + i
			spread(c.Template, groups[i])
		}
	}
	return groups
}

// kinOfPerson is the group that is the person, −1 when nobody can tell.
func kinOfPerson(groups []int, enrolled bool) int {
	switch {
	case enrolled:
		return ownKin
	case len(groups) == 1:
		return groups[0]
	}
	size := map[int]int{}
	for _, group := range groups {
		size[group]++
	}
	person, most := -1, 1
	for group, n := range size {
		switch {
		case n > most:
			person, most = group, n
		case n == most:
			person = -1
		}
	}
	return person
}

// likest is the highest cosine of photo i with another one or with a template of the person.
func likest(photos []*Candidate, own []Embedding, i int) float64 {
	best := -1.0
	for _, e := range own {
		best = max(best, photos[i].Template.Dot(e))
	}
	for j, c := range photos {
		if j != i {
			best = max(best, photos[i].Template.Dot(c.Template))
		}
	}
	return best
}

// templates are the person's in the gallery.
func (g *Gallery) templates(name string) (own []Embedding) {
	for i, person := range g.owner {
		if g.names[person] == name {
			own = append(own, g.row(i))
		}
	}
	return own
}

// nearestOther is whom the face resembles most of all but the person of that name; empty when nobody else has a template.
func (g *Gallery) nearestOther(e Embedding, name string) (who string, score float64) {
	for i, person := range g.owner {
		if other := g.names[person]; other != name {
			if s := float64(dot(g.row(i), e)); who == "" || s > score {
				who, score = other, s
			}
		}
	}
	return who, score
}
