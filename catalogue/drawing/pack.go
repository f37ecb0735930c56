package drawing

import (
	"cmp"
	"math"
	"slices"
)

// pieces splits a part into what is connected, the largest piece first.
func pieces(part Part) []Part {
	group := map[string]string{}
	var find func(id string) string
	find = func(id string) string {
		if group[id] == id {
			return id
		}
		group[id] = find(group[id])
		return group[id]
	}
	for _, b := range part.Boxes {
		group[b.ID] = b.ID
	}
	for _, ch := range part.Channels {
		ends := slices.Concat(ch.From, ch.To)
		for _, id := range ends[1:] {
			group[find(id)] = find(ends[0])
		}
	}
	var list []Part
	index := map[string]int{}
	for _, b := range part.Boxes {
		i, known := index[find(b.ID)]
		if !known {
			i, index[find(b.ID)] = len(list), len(list)
			list = append(list, Part{Title: part.Title, Down: part.Down})
		}
		list[i].Boxes = append(list[i].Boxes, b)
	}
	for _, ch := range part.Channels {
		i := index[find(slices.Concat(ch.From, ch.To)[0])]
		list[i].Channels = append(list[i].Channels, ch)
	}
	slices.SortStableFunc(list, func(a, b Part) int { return cmp.Compare(len(b.Boxes), len(a.Boxes)) })
	return list
}

// pack puts plans side by side in rows, so that the whole is about as wide as a screen.
func pack(part Part, plans []plan) plan {
	widest, area := 0.0, 0.0
	for _, p := range plans {
		widest = max(widest, p.width)
		area += float64((p.width + partGap) * (p.height + partGap))
	}
	limit := max(widest, math.Sqrt(area*1.6))
	all := plan{part: Part{Title: part.Title, Down: part.Down}}
	x, y, row := 0.0, 0.0, 0.0
	for _, p := range plans {
		if x > 0 && x+p.width > limit {
			x, y, row = 0, y+row+partGap, 0
		}
		all.add(p, x, y)
		x, row = x+p.width+partGap, max(row, p.height)
	}
	return all
}

// add puts another plan into p with its corner at x, y.
func (p *plan) add(o plan, x, y float64) {
	boxes, channels, labels := len(p.part.Boxes), len(p.part.Channels), len(p.labels)
	p.part.Boxes = append(p.part.Boxes, o.part.Boxes...)
	p.part.Channels = append(p.part.Channels, o.part.Channels...)
	p.width, p.height = max(p.width, x+o.width), max(p.height, y+o.height)
	for _, b := range o.boxes {
		p.boxes = append(p.boxes, b.moved(x, y))
	}
	for _, l := range o.labels {
		p.labels = append(p.labels, label{l.moved(x, y), l.channel + channels})
	}
	for _, l := range o.lines {
		for i := range l.points {
			l.points[i].x, l.points[i].y = l.points[i].x+x, l.points[i].y+y
		}
		l.box, l.label = l.box+boxes, l.label+labels
		p.lines = append(p.lines, l)
	}
}

func (p place) moved(x, y float64) place { return place{p.x + x, p.y + y, p.w, p.h} }
