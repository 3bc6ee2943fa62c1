// Package decode turns access units into pictures with the system's libavcodec, libavutil and libswscale. A decoder
// lives as long as its camera's epoch: units go in as they came off the wire, pictures come out in the order they are
// shown, and only the wanted ones are converted to BGR. It opens no file and no address, and sees nothing but H.264
// and H.265. It is the only importer of FFmpeg, through a thin binding of its own that uses what FFmpeg 4 to 8 have in
// common; with the build tag nocv it is empty. It imports frames and vision.
package decode
