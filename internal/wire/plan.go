package wire

import (
	"fmt"
	"reflect"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// A node is a shape bound to the Go type that carries it. Nodes are immutable
// once an operation's binding is done, and shared between all that refer to them.
type node struct {
	shape *model.Shape
	kind  model.Kind
	typ   reflect.Type
	// members are a structure's or a union's; byName finds them by the name that
	// JSON and CBOR use, byXML by their element's name.
	members []member
	byName  map[string]*member
	byXML   map[string]*member
	// key and item are a map's; item is a list's as well.
	key, item *member
	limits    *limits
	sensitive bool
}

// A member is a reference to a node: from a structure, a list or a map.
type member struct {
	*model.Member
	node  *node
	field int
	// pointer tells that Go carries a pointer to the node's type.
	pointer bool
	// variant is the struct that holds a union's member, as its Value.
	variant reflect.Type
	// json is the member's name in JSON and CBOR, xml its element, query and ec2
	// its name in the two kinds of forms, audit its name in CloudTrail.
	json, xml, query, ec2, audit string
	flat                         bool
	time                         timeFormat
}

// An operationPlan is all that is looked up once for an operation.
type operationPlan struct {
	model   *model.Operation
	in, out *node
	// payload are the members that are the whole body, or nil.
	inPayload, outPayload *member
	// events tells that the operation speaks in an event stream.
	events bool
}

// A binder binds one service's shapes to Go types, each pair once in a process:
// its nodes are a cache of what is the same in every Region.
type binder struct {
	table *model.Table

	mu sync.Mutex
	// mu guards nodes and variants.
	nodes    map[nodeKey]*node
	variants map[reflect.Type]map[string]reflect.Type
}

type nodeKey struct {
	shape string
	typ   reflect.Type
}

var binders sync.Map // SDK package name → *binder

func binderOf(name string) (*binder, error) {
	if b, ok := binders.Load(name); ok {
		return b.(*binder), nil
	}
	t, ok := model.Lookup(name)
	if !ok {
		return nil, fmt.Errorf("%s: no model of that service", name)
	}
	b, _ := binders.LoadOrStore(name, &binder{
		table: t, nodes: map[nodeKey]*node{}, variants: map[reflect.Type]map[string]reflect.Type{},
	})
	return b.(*binder), nil
}

// operation binds an operation's input and output.
func (b *binder) operation(op *Operation) (_ *operationPlan, err error) {
	m, ok := b.table.Operation(op.Name)
	if !ok {
		return nil, fmt.Errorf("not in AWS's model")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &operationPlan{model: m}
	defer func() {
		if err != nil {
			clear(b.nodes) // half-bound nodes must not be found again
		}
	}()
	if p.in, err = b.root(m.Input.Shape, op.In); err != nil {
		return nil, err
	}
	if p.out, err = b.root(m.Output.Shape, op.Out); err != nil {
		return nil, err
	}
	p.inPayload, p.outPayload = p.in.payload(), p.out.payload()
	p.events = p.in.hasEvents() || p.out.hasEvents()
	return p, nil
}

// root binds an input or output; the model may have none where Go has an empty struct.
func (b *binder) root(shape string, t reflect.Type) (*node, error) {
	if shape == "" {
		return &node{shape: &model.Shape{}, kind: model.Structure, typ: t}, nil
	}
	return b.node(shape, t)
}

func (b *binder) node(shape string, t reflect.Type) (*node, error) {
	key := nodeKey{shape, t}
	if n := b.nodes[key]; n != nil {
		return n, nil
	}
	s, ok := b.table.Shape(shape)
	if !ok {
		return nil, fmt.Errorf("shape %s: not in AWS's model", shape)
	}
	n := &node{shape: s, kind: s.Kind, typ: t, sensitive: s.Sensitive}
	b.nodes[key] = n
	if t.Kind() == reflect.Interface && s.Kind == model.Structure {
		n.kind = model.Union // botocore leaves some unions unmarked
	}
	if err := b.fill(n); err != nil {
		delete(b.nodes, key)
		return nil, err
	}
	n.limits = limitsOf(s)
	return n, nil
}

func (b *binder) fill(n *node) error {
	if !fits(n.kind, n.typ) {
		return fmt.Errorf("shape %s: a %s does not fit %s", n.shape.Name, n.kind, n.typ)
	}
	switch n.kind {
	case model.Structure:
		return b.structure(n)
	case model.Union:
		return b.union(n)
	case model.List:
		return b.item(n, 0, &n.item, n.typ.Elem())
	case model.Map:
		if err := b.item(n, 0, &n.key, n.typ.Key()); err != nil {
			return err
		}
		return b.item(n, 1, &n.item, n.typ.Elem())
	default:
		return nil
	}
}

func (b *binder) item(n *node, i int, to **member, t reflect.Type) error {
	m, err := b.member(&n.shape.Members[i], t)
	*to = &m
	return err
}

// fieldless are members that the SDK sets on the wire itself, so that its types
// have no field for them.
var fieldless = map[string]bool{"CopySnapshotRequest.DestinationRegion": true}

func (b *binder) structure(n *node) error {
	for i := range n.shape.Members {
		mm := &n.shape.Members[i]
		if s, ok := b.table.Shape(mm.Shape); ok && s.EventStream {
			n.members = append(n.members, member{Member: mm, field: -1, node: &node{shape: s, kind: s.Kind}})
			continue // the SDK carries events beside the struct
		}
		f, ok := n.typ.FieldByName(goName(mm.Name))
		if !ok && fieldless[n.shape.Name+"."+mm.Name] {
			continue
		}
		if !ok {
			return fmt.Errorf("%s.%s: %s has no field for it", n.shape.Name, mm.Name, n.typ)
		}
		m, err := b.member(mm, f.Type)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", n.shape.Name, mm.Name, err)
		}
		m.field = f.Index[0]
		n.members = append(n.members, m)
	}
	n.index()
	return nil
}

func (n *node) index() {
	n.byName = make(map[string]*member, len(n.members))
	n.byXML = make(map[string]*member, len(n.members))
	for i := range n.members {
		m := &n.members[i]
		if m.field >= 0 && m.Location == model.Body {
			n.byName[m.json] = m
			n.byXML[m.xml] = m
		}
	}
}

func (b *binder) member(mm *model.Member, t reflect.Type) (member, error) {
	m := member{Member: mm, pointer: t.Kind() == reflect.Pointer}
	if m.pointer {
		t = t.Elem()
	}
	n, err := b.node(mm.Shape, t)
	if err != nil {
		return m, err
	}
	m.node = n
	m.flat = mm.Flattened || n.shape.Flattened
	m.names()
	m.time = timeFormatOf(mm.TimestampFormat, n.shape.TimestampFormat)
	return m, nil
}

func (m *member) names() {
	m.json, m.xml, m.query, m.ec2 = m.Name, m.Name, m.Name, goName(m.Name)
	m.audit = auditName(m.Member)
	if m.Location == model.Body && m.WireName != "" {
		m.json, m.xml, m.query, m.ec2 = m.WireName, m.WireName, m.WireName, goName(m.WireName)
	}
	if m.QueryName != "" {
		m.ec2 = m.QueryName
	}
	if m.flat && m.node.kind == model.Map && m.QueryName != "" {
		m.xml, m.query = m.QueryName, m.QueryName
	}
	// A flattened list's elements may bring their own name.
	if m.flat && m.node.kind == model.List && len(m.node.shape.Members) > 0 {
		if name := m.node.shape.Members[0].WireName; name != "" {
			m.xml, m.query = name, name
		}
	}
}

// auditName is a member's name in CloudTrail, where S3's buckets are "bucketName"
// (S3 User Guide, "CloudTrail log file entries").
func auditName(m *model.Member) string {
	if m.Shape == "BucketName" && m.Location == model.URI {
		return "bucketName"
	}
	return lowerFirst(m.Name)
}

var (
	timeType  = reflect.TypeFor[time.Time]()
	bytesType = reflect.TypeFor[[]byte]()
)

// fits tells whether Go's type can carry a kind.
func fits(k model.Kind, t reflect.Type) bool {
	switch k {
	case model.Structure:
		return t.Kind() == reflect.Struct
	case model.Union:
		return t.Kind() == reflect.Interface
	case model.List:
		return t.Kind() == reflect.Slice
	case model.Map:
		return t.Kind() == reflect.Map
	case model.String:
		return t.Kind() == reflect.String
	case model.Boolean:
		return t.Kind() == reflect.Bool
	case model.Integer, model.Long:
		return t.Kind() == reflect.Int32 || t.Kind() == reflect.Int64 || t.Kind() == reflect.Int16 || t.Kind() == reflect.Int8
	case model.Float, model.Double:
		return t.Kind() == reflect.Float64 || t.Kind() == reflect.Float32
	case model.Timestamp:
		return t == timeType
	default: // a blob, or the stream of one
		return t == bytesType || t.Kind() == reflect.Interface
	}
}

func (n *node) payload() *member {
	if n.shape.Payload == "" {
		return nil
	}
	for i := range n.members {
		if n.members[i].Name == n.shape.Payload && n.members[i].field >= 0 {
			return &n.members[i]
		}
	}
	return nil
}

func (n *node) hasEvents() bool {
	for i := range n.members {
		if n.members[i].node.shape.EventStream {
			return true
		}
	}
	return false
}

// goName is the Go field of a member: its first letter in upper case.
func goName(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}

func lowerFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[size:]
}
