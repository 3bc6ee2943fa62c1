package vision

import "vigil/frames"

// Guard is told what a worker is about to decode, so that a crash of the decoder can be laid to it. It is used by one
// goroutine at a time.
type Guard interface {
	// Enter says that the fragment, and nothing else, is decoded from now on, until another is or until Leave. Its error
	// means that the fragment must be left out.
	Enter(f *frames.Fragment) error
	// Leave says that nothing is decoded for now.
	Leave()
}

// unguarded is the guard of a worker that has none.
type unguarded struct{}

var _ Guard = unguarded{}

// Enter implements Guard.
func (unguarded) Enter(*frames.Fragment) error { return nil }

// Leave implements Guard.
func (unguarded) Leave() {}
