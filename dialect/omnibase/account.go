package omnibase

import "slices"

// account gives a verdict on the values that depend on what became of what they describe.
func (d *draft) account() {
	for _, p := range d.inputs {
		d.accountInput(p)
	}
	for _, p := range d.outputs {
		key := "events." + p.name
		if p.at != nil {
			p.at.carry(key)
		}
		for _, c := range p.claims {
			c.at.carry(key + "." + c.target)
		}
	}
	for _, r := range d.records {
		if r.used {
			d.accountRecord(r)
		}
	}
	for _, r := range d.records {
		if !r.used {
			d.unused(r)
		}
	}
}

func (d *draft) accountInput(p *port) {
	if p.owns() {
		p.at.carry("commands." + p.name)
		for _, c := range p.claims {
			c.at.carry("commands." + p.name + "." + c.target)
		}
		return
	}
	p.at.carry("handles." + refs(p.links, d)[0])
	for _, c := range p.claims {
		c.at.follow(nil, "the message is described by node %s, which emits it", p.links[0].node.name)
	}
}

func (d *draft) accountRecord(r *record) {
	target := "types." + r.name
	for _, c := range r.claims {
		if c.target == "" {
			c.at.carry(target)
		} else {
			c.at.carry(target + "." + c.target)
		}
	}
	for _, f := range r.fields {
		d.accountField(r, f)
	}
}

// accountField gives verdicts on what the source says of a property. What the language asks of a key
// anyway follows from that.
func (d *draft) accountField(r *record, f *field) {
	target := "types." + r.name + ".properties." + f.name
	isKey := f.name == d.key
	bare := isKey && f.description == "" && slices.Equal(f.schema, append(text(), pair{"minLength", "1"}))
	for _, c := range f.claims {
		switch {
		case isKey && c.target == "required":
			c.at.follow(nil, "the key of a message is required")
		case bare:
			c.at.follow(nil, "the key of a message is a text that is not empty")
		default:
			c.at.carry(target)
		}
	}
}

// unused accounts for a type that no message of the node carries.
func (d *draft) unused(r *record) {
	linked := slices.ContainsFunc(d.inputs, func(p *port) bool { return !p.owns() && p.record == r })
	tell := func(c claim) {
		if linked {
			c.at.follow(nil, "the payload is declared by the node that emits the event")
			return
		}
		c.at.refuse("let a message of the node carry it, or drop it", "no message of the node carries type %s", r.name)
	}
	for _, c := range r.claims {
		tell(c)
	}
	for _, f := range r.fields {
		for _, c := range f.claims {
			tell(c)
		}
	}
}
