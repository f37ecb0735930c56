'use strict';
// Text of contracts is only ever set as text. The graph is read from the drawing: lines name the label
// they lead through and the box they begin or end at.
const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);
const nodes = new Map(data.nodes.map((n) => [n.node, n]));
const canvas = byId('canvas'), panel = byId('panel'), search = byId('search');
const fleet = byId('view-fleet');
const state = { view: fleet, node: null, message: null, mode: 'near', query: '' };

// The graph: per label the boxes at its ends, its messages and what draws it.
const channels = new Map();
const channel = (i) => channels.get(i) || channels.set(i, { from: [], to: [], refs: [], lines: [], labels: [] }).get(i);
for (const line of fleet.querySelectorAll('.line[data-label]')) {
  const ch = channel(line.dataset.label), end = line.dataset.to === undefined ? 'from' : 'to';
  const box = line.dataset[end];
  if (!ch[end].includes(box)) ch[end].push(box);
  ch.lines.push({ line, box, end });
}
for (const label of fleet.querySelectorAll('.label')) {
  const ch = channel(label.dataset.label);
  ch.labels.push(label);
  ch.refs = label.dataset.refs.split(' ');
}
const boxes = new Map([...fleet.querySelectorAll('.box')].map((b) => [b.dataset.id, b]));

// element makes an element with text, attributes and children.
function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'click') e.addEventListener('click', value);
    else e.setAttribute(name, value);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined && c !== ''));
  return e;
}
const section = (title, ...children) => [element('h3', {}, title), ...children];
const list = (items) => element('ul', { class: 'plain' }, ...items);
const link = (text, click) => element('button', { class: 'link', click }, text);
const definitions = (pairs) => element('dl', {}, ...pairs.filter(([, v]) => v && v.length !== 0).flatMap(([k, v]) => [element('dt', {}, k), element('dd', {}, v)]));
const ends = (names) => names.map((n) => (nodes.has(n) ? link(n, () => choose(n)) : element('span', { class: 'soft' }, n === '(outside)' ? 'outside' : n)))
  .flatMap((e, i) => (i ? [', ', e] : [e]));
const messageLink = (ref) => link(ref, () => chooseMessage(ref));

// Pan and zoom: a matrix per view.
const places = new Map();
function place(view, p) {
  places.set(view, p);
  view.querySelector('.scene').setAttribute('transform', `matrix(${p.k} 0 0 ${p.k} ${p.x} ${p.y})`);
}
// fit shows all of a view, but not smaller than least.
function fit(view, least = 0) {
  const w = Number(view.dataset.width), h = Number(view.dataset.height);
  const k = Math.max(least, Math.min(1.4, (canvas.clientWidth - 60) / w, (canvas.clientHeight - 120) / h));
  place(view, { k, x: Math.max(30, (canvas.clientWidth - w * k) / 2), y: Math.max(60, (canvas.clientHeight - h * k) / 2) });
}
function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  const p = places.get(state.view), k = Math.min(4, Math.max(0.05, p.k * factor)), f = k / p.k;
  place(state.view, { k, x: x - (x - p.x) * f, y: y - (y - p.y) * f });
}
function pan(dx, dy) {
  const p = places.get(state.view);
  place(state.view, { k: p.k, x: p.x + dx, y: p.y + dy });
}
// reveal moves a box of the fleet into sight.
function reveal(e) {
  const r = e.getBoundingClientRect(), c = canvas.getBoundingClientRect();
  if (r.left < c.left + 20 || r.right > c.right - 20 || r.top < c.top + 50 || r.bottom > c.bottom - 60) {
    pan(c.left + c.width / 2 - (r.left + r.width / 2), c.top + c.height / 2 - (r.top + r.height / 2));
  }
}

// reach returns the lines and boxes that a node leads to, or that lead to it.
function reach(start, direction) {
  const [near, far] = direction === 'down' ? ['from', 'to'] : ['to', 'from'];
  const lit = { boxes: new Set([start]), channels: new Set(), lines: new Set() };
  const open = [start];
  while (open.length) {
    const at = open.pop();
    for (const [i, ch] of channels) {
      if (!ch[near].includes(at)) continue;
      lit.channels.add(i);
      lit.lines.add(`${i} ${near} ${at}`);
      for (const next of ch[far]) {
        lit.lines.add(`${i} ${far} ${next}`);
        if (!lit.boxes.has(next)) { lit.boxes.add(next); if (state.mode !== 'near') open.push(next); }
      }
    }
  }
  return lit;
}
function merge(a, b) {
  for (const part of ['boxes', 'channels', 'lines']) b[part].forEach((v) => a[part].add(v));
  return a;
}
function ofMessage(ref) {
  const lit = { boxes: new Set(), channels: new Set(), lines: new Set() };
  for (const [i, ch] of channels) {
    if (!ch.refs.includes(ref)) continue;
    lit.channels.add(i);
    for (const { box, end } of ch.lines) { lit.boxes.add(box); lit.lines.add(`${i} ${end} ${box}`); }
  }
  return lit;
}
function matching(query) {
  const lit = { boxes: new Set(), channels: new Set(), lines: new Set() };
  for (const n of found(query).nodes) lit.boxes.add(n.node);
  const refs = found(query).messages;
  for (const [i, ch] of channels) if (ch.refs.some((r) => refs.includes(r))) lit.channels.add(i);
  return lit;
}
function found(query) {
  const q = query.toLowerCase(), has = (...texts) => texts.some((t) => t && t.toLowerCase().includes(q));
  return {
    nodes: data.nodes.filter((n) => has(n.node, n.kind, n.description, ...n.capabilities)),
    messages: Object.keys(data.messages).filter((ref) => has(ref, data.messages[ref].topic, data.messages[ref].type, data.messages[ref].description)),
  };
}

// highlight dims what does not belong to the choice.
function highlight() {
  let lit = null;
  if (state.query) lit = matching(state.query);
  else if (state.message) lit = ofMessage(state.message);
  else if (state.node && state.mode === 'near') lit = merge(reach(state.node, 'down'), reach(state.node, 'up'));
  else if (state.node) lit = reach(state.node, state.mode);
  fleet.classList.toggle('dimmed', lit !== null);
  for (const [id, box] of boxes) {
    box.classList.toggle('lit', lit !== null && lit.boxes.has(id));
    box.classList.toggle('chosen', id === state.node);
  }
  for (const [i, ch] of channels) {
    for (const { line, box, end } of ch.lines) line.classList.toggle('lit', lit !== null && lit.lines.has(`${i} ${end} ${box}`));
    for (const label of ch.labels) {
      label.classList.toggle('lit', lit !== null && lit.channels.has(i));
      label.classList.toggle('chosen', state.message !== null && ch.refs.includes(state.message));
    }
  }
  for (const b of document.querySelectorAll('#modes button')) b.setAttribute('aria-pressed', String(state.mode === b.dataset.mode));
  byId('modes').hidden = !(state.node && state.view === fleet && !state.query);
}

function show(view) {
  state.view = view;
  for (const v of document.querySelectorAll('.view')) v.classList.toggle('shown', v === view);
  if (!places.has(view)) fit(view, 0.7);
  byId('crumbs').replaceChildren(...(view === fleet ? [] : [element('button', { click: () => show(fleet) }, '← Fleet'), element('span', {}, view.dataset.title)]));
  highlight();
}
function choose(node, mode = state.mode) {
  Object.assign(state, { node, message: null, mode, query: '' });
  search.value = '';
  panel.replaceChildren(...nodePanel(nodes.get(node)));
  panel.scrollTop = 0;
  show(fleet);
  reveal(boxes.get(node));
  location.replace('#' + node);
}
function chooseMessage(ref) {
  Object.assign(state, { node: null, message: ref, query: '' });
  search.value = '';
  panel.replaceChildren(...messagePanel(data.messages[ref]));
  panel.scrollTop = 0;
  show(fleet);
  const ch = [...channels.values()].find((c) => c.refs.includes(ref));
  if (ch && ch.labels.length) reveal(ch.labels[0]);
}
function clear() {
  if (state.view !== fleet) return show(fleet);
  Object.assign(state, { node: null, message: null, query: '' });
  search.value = '';
  panel.replaceChildren(...overview());
  highlight();
  history.replaceState(null, '', location.pathname + location.search);
}
function inside() {
  if (state.view !== fleet) return show(fleet);
  const view = state.node && nodes.get(state.node).inside ? byId('view-' + state.node) : null;
  if (view) show(view);
}

// What the panel says.
const nodeRow = (n) => element('li', { class: 'row' }, link(n.node, () => choose(n.node)), ' ', element('span', { class: 'chip ' + n.kind }, n.kind), element('div', { class: 'soft' }, n.description || ''));
const messageRow = (ref) => element('li', { class: 'row' }, messageLink(ref), ' ', element('span', { class: 'soft' }, data.messages[ref].class));
function overview() {
  return [
    element('h2', {}, `${data.nodes.length} nodes, ${Object.keys(data.messages).length} messages`),
    element('p', { class: 'soft' }, 'Choose a node or a message to see what belongs to it.'),
    ...section('Nodes', list(data.nodes.map(nodeRow))),
  ];
}
function nodePanel(n) {
  const open = n.inside ? element('p', {}, element('button', { click: inside }, `Show its ${n.inside} ( v )`)) : null;
  return [
    element('h2', {}, n.node),
    element('div', {}, element('span', { class: 'chip ' + n.kind }, n.kind), element('span', { class: 'chip' }, n.version), ...n.capabilities.map((c) => element('span', { class: 'chip' }, c))),
    element('p', { class: 'wrap' }, n.description || ''), ...(open ? [open] : []),
    ...section('Consumes', list(n.routes.map(routeRow))),
    ...section('Sends', n.sends.length ? list(n.sends.map((ref) => element('li', { class: 'row' }, messageLink(ref), ' ', element('span', { class: 'soft' }, 'to '), ...ends(data.messages[ref].consumers.length ? data.messages[ref].consumers : ['nobody'])))) : element('p', { class: 'soft' }, 'nothing')),
    ...(n.values.length ? section('Settings and secrets', list(n.values.map((v) => element('li', { class: 'row' }, element('code', { class: 'wrap' }, v.name), element('div', {}, v.value), element('div', { class: 'soft' }, v.note || ''))))) : []),
    ...(n.requires.length ? section('Requires', definitions(n.requires.map((r) => [r.name, r.value]))) : []),
    ...section('Names', definitions(n.facts.map((f) => [f.name, f.value]))),
  ];
}
function routeRow(r) {
  return element('li', { class: 'row' }, messageLink(r.input), definitions([
    ['from', ends(data.messages[r.input].producers)].map((v, i) => (i ? element('span', {}, ...v) : v)),
    ['when', r.when], ['method', r.handler.join(', ')], ['emits', r.emits.join(', ')],
    ['idempotency key', r.idempotency_key], ['timeout', r.timeout], ['retry', r.retry], ['batch', r.batch], ['breaker', r.breaker], ['also takes', (r.older || []).join(', ')],
  ]));
}
function messagePanel(m) {
  return [
    element('h2', {}, m.message),
    element('div', {}, element('span', { class: 'chip' }, m.class), element('span', { class: 'chip' }, m.type)),
    element('p', { class: 'wrap' }, m.description || ''),
    definitions([
      ['topic', m.topic], ['key', m.key], ['partitions', String(m.partitions)], ['retention', m.retention || 'of the cluster'],
      ['access', (m.access || []).join(', ')], ['dead letters', m.dead_letters.join(', ')], ['replaced by', m.replaced_by],
    ]),
    ...section('Sent by', element('p', {}, ...ends(m.producers))),
    ...section('Consumed by', element('p', {}, ...ends(m.consumers.length ? m.consumers : ['nobody']))),
    ...section('Smallest example', element('pre', {}, JSON.stringify(m.example, null, 2))),
  ];
}
function results() {
  const hits = found(state.query);
  return [
    element('h2', {}, hits.nodes.length + hits.messages.length ? `“${state.query}”` : `Nothing matches “${state.query}”`),
    ...(hits.nodes.length ? section('Nodes', list(hits.nodes.map(nodeRow))) : []),
    ...(hits.messages.length ? section('Messages', list(hits.messages.map(messageRow))) : []),
  ];
}

// Mouse, touch and keys.
let drag = null;
canvas.addEventListener('pointerdown', (e) => { if (!e.target.closest('button, dialog')) drag = { x: e.clientX, y: e.clientY, moved: false }; });
window.addEventListener('pointermove', (e) => {
  if (!drag) return;
  const dx = e.clientX - drag.x, dy = e.clientY - drag.y;
  if (!drag.moved && Math.hypot(dx, dy) < 4) return;
  Object.assign(drag, { x: e.clientX, y: e.clientY, moved: true });
  canvas.classList.add('moving');
  pan(dx, dy);
});
window.addEventListener('pointerup', (e) => {
  const was = drag;
  drag = null;
  canvas.classList.remove('moving');
  if (!was || was.moved) return;
  if (!pick(e.target) && state.view === fleet) clear();
});
function pick(target) {
  const box = target.closest('#view-fleet .box'), label = target.closest('#view-fleet .label');
  if (box && nodes.has(box.dataset.id)) choose(box.dataset.id);
  else if (label) chooseMessage(label.dataset.refs.split(' ')[lineOf(label, target)]);
  return Boolean(box || label);
}
// lineOf returns which of a label's messages was meant.
const lineOf = (label, target) => Math.max(0, [...label.querySelectorAll('text')].indexOf(target.closest('text')));
canvas.addEventListener('wheel', (e) => {
  e.preventDefault();
  const c = canvas.getBoundingClientRect();
  if (e.shiftKey) pan(-e.deltaY, 0);
  else zoom(Math.exp(-e.deltaY / 500), e.clientX - c.left, e.clientY - c.top);
}, { passive: false });
canvas.addEventListener('focusin', (e) => { const g = e.target.closest('.box, .label'); if (g) reveal(g); });
search.addEventListener('input', () => {
  Object.assign(state, { query: search.value.trim(), node: null, message: null });
  panel.replaceChildren(...(state.query ? results() : overview()));
  show(fleet);
});
search.addEventListener('keydown', (e) => {
  if (e.key !== 'Enter' || !state.query) return;
  const hits = found(state.query);
  if (hits.nodes.length) { choose(hits.nodes[0].node); boxes.get(state.node).focus(); }
  else if (hits.messages.length) { chooseMessage(hits.messages[0]); search.blur(); }
});
function theme() {
  const root = document.documentElement, dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
}
function setMode(mode) { state.mode = mode; highlight(); }
const keys = {
  '/': () => search.focus(), '0': () => fit(state.view), '+': () => zoom(1.25), '=': () => zoom(1.25), '-': () => zoom(0.8),
  n: () => setMode('near'), u: () => setMode('up'), d: () => setMode('down'), v: inside, t: theme, '?': () => byId('help').showModal(),
  ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60),
};
document.addEventListener('keydown', (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || byId('help').open) return;
  if (e.key === 'Escape') { search.blur(); clear(); return; }
  if (e.target === search || panel.contains(e.target) && e.key.startsWith('Arrow')) return;
  if ((e.key === 'Enter' || e.key === ' ') && pick(e.target)) { e.preventDefault(); return; }
  if (keys[e.key]) { e.preventDefault(); keys[e.key](); }
});
byId('zoom-in').addEventListener('click', () => zoom(1.25));
byId('zoom-out').addEventListener('click', () => zoom(0.8));
byId('fit').addEventListener('click', () => fit(state.view));
byId('theme').addEventListener('click', theme);
byId('keys').addEventListener('click', keys['?']);
for (const b of document.querySelectorAll('#modes button')) b.addEventListener('click', () => setMode(b.dataset.mode));
for (const [id, box] of boxes) {
  if (!nodes.has(id)) continue;
  box.setAttribute('tabindex', '0');
  box.setAttribute('role', 'button');
  box.setAttribute('aria-label', `${id}, ${nodes.get(id).kind}`);
}
window.addEventListener('resize', () => fit(state.view, 0.7));
window.addEventListener('hashchange', begin);

function begin() {
  const wanted = decodeURIComponent(location.hash.slice(1)) || document.body.dataset.selected;
  if (nodes.has(wanted) && wanted !== state.node) choose(wanted);
}
panel.replaceChildren(...overview());
show(fleet);
begin();
