package drawing

import "unicode"

// Sizes of text, in pixels.
const (
	titleSize = 14.0
	boldness  = 1.1 // of a title, which is wider for it
	lineSize  = 11.5
	lineStep  = 15.0 // from one line of small text to the next
	labelStep = 14.0
	padding   = 12.0
)

// boxSize returns the width and height a box needs for its text.
func boxSize(b Box) (w, h float64) {
	w = textWidth(b.Title, titleSize*boldness)
	for _, line := range b.Lines {
		w = max(w, textWidth(line, lineSize))
	}
	return max(w+2*padding+4, 64), 2*padding + titleSize + float64(lineStep*float64(len(b.Lines)))
}

// labelSize returns the width and height of a channel's labels; none take no room.
func labelSize(ch Channel) (w, h float64) {
	for _, l := range ch.Labels {
		w = max(w, textWidth(l, lineSize))
	}
	if w == 0 {
		return 0, 0
	}
	return w + padding, float64(labelStep*float64(len(ch.Labels))) + 6
}

// textWidth estimates how wide a text becomes in whatever font a reader has: rather too wide.
func textWidth(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		switch {
		case r < unicode.MaxASCII && (r == 'i' || r == 'j' || r == 'l' || r == '.' || r == ',' || r == '\'' || r == '|' || r == ' '):
			w += 0.34
		case r < unicode.MaxASCII && (unicode.IsUpper(r) || r == 'm' || r == 'w' || r == '@' || r == '%'):
			w += 0.82
		case r < unicode.MaxLatin1:
			w += 0.58
		default:
			w += 1.05
		}
	}
	return w * size
}
