package sns_test

import (
	"slices"
	"testing"
	"time"

	garrisonsns "github.com/garrison-cloud/garrison/service/sns"
)

func TestFilterByAttributes(t *testing.T) {
	t.Parallel()
	message := map[string][2]string{
		"kind": {"String", "rugby"}, "price": {"Number", "10.5"}, "tags": {"String.Array", `["a","b",3,true,null]`},
		"ip": {"String", "10.0.0.7"}, "raw": {"Binary", "x"},
	}
	for _, tt := range []struct {
		policy string
		want   bool
	}{
		{`{"kind":["rugby"]}`, true},
		{`{"kind":["Rugby"]}`, false},
		{`{"kind":[{"equals-ignore-case":"Rugby"}]}`, true},
		{`{"kind":["tennis","rugby"]}`, true},
		{`{"kind":[{"prefix":"ru"}]}`, true},
		{`{"kind":[{"suffix":"by"}]}`, true},
		{`{"kind":[{"suffix":"bi"}]}`, false},
		{`{"kind":[{"anything-but":"rugby"}]}`, false},
		{`{"kind":[{"anything-but":["tennis","golf"]}]}`, true},
		{`{"kind":[{"anything-but":{"prefix":"ru"}}]}`, false},
		{`{"none":[{"anything-but":"x"}]}`, false},
		{`{"price":[10.5]}`, true},
		{`{"price":["10.5"]}`, false},
		{`{"price":[{"numeric":["=",10.50]}]}`, true},
		{`{"price":[{"numeric":[">",10,"<=",10.5]}]}`, true},
		{`{"price":[{"numeric":[">",10.5]}]}`, false},
		{`{"tags":["b"]}`, true},
		{`{"tags":[3]}`, true},
		{`{"tags":[true]}`, true},
		{`{"tags":[null]}`, true},
		{`{"tags":["c"]}`, false},
		{`{"ip":[{"cidr":"10.0.0.0/24"}]}`, true},
		{`{"ip":[{"cidr":"10.0.1.0/24"}]}`, false},
		{`{"kind":[{"exists":true}]}`, true},
		{`{"kind":[{"exists":false}]}`, false},
		{`{"none":[{"exists":false}]}`, true},
		{`{"none":[{"exists":true}]}`, false},
		{`{"kind":["rugby"],"price":[11]}`, false},
		{`{"$or":[{"kind":["golf"]},{"price":[10.5]}]}`, true},
		{`{"$or":[{"kind":["golf"]},{"price":[11]}]}`, false},
		{`{"raw":["x"]}`, false},
		{`{}`, true},
	} {
		got, err := garrisonsns.FilterAccepts(tt.policy, message, "")
		if err != nil || got != tt.want {
			t.Errorf("%s = %v (%v), want %v", tt.policy, got, err, tt.want)
		}
	}
}

func TestFilterByBody(t *testing.T) {
	t.Parallel()
	body := `{"store":"x","order":{"price":7,"lines":[{"sku":"a","n":1},{"sku":"b","n":2}]},"gone":null}`
	for _, tt := range []struct {
		policy string
		want   bool
	}{
		{`{"store":["x"]}`, true},
		{`{"order":{"price":[{"numeric":["<",8]}]}}`, true},
		{`{"order":{"price":[{"numeric":["<",7]}]}}`, false},
		{`{"order":{"lines":{"sku":["b"]}}}`, true},
		{`{"order":{"lines":{"sku":["c"]}}}`, false},
		{`{"gone":[null]}`, true},
		{`{"order":{"none":[{"exists":false}]}}`, true},
		{`{"none":{"deep":[{"exists":false}]}}`, true},
		{`{"order":[{"exists":false}]}`, false},
	} {
		got, err := garrisonsns.FilterAccepts(tt.policy, nil, body)
		if err != nil || got != tt.want {
			t.Errorf("%s = %v (%v), want %v", tt.policy, got, err, tt.want)
		}
	}
	if got, _ := garrisonsns.FilterAccepts(`{"a":[{"exists":false}]}`, nil, "no JSON"); got {
		t.Error("a body that is no JSON passes a filter")
	}
}

func TestFilterRefuses(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{
		`x`, `[]`, `{"a":"b"}`, `{"a":[]}`, `{"a":{"b":["c"]}}`, `{"a":[{"unknown":1}]}`, `{"a":[{"numeric":["~",1]}]}`,
		`{"a":[{"numeric":[">",2,"<",1]}]}`, `{"a":[{"cidr":"x"}]}`, `{"a":[{"exists":"yes"}]}`, `{"a":[{"prefix":1}]}`, `{"a":[["b"]]}`,
		`{"a":["1"],"b":["1"],"c":["1"],"d":["1"],"e":["1"],"f":["1"]}`,
		`{"a":[{"prefix":"x","suffix":"y"}]}`,
	} {
		if _, err := garrisonsns.FilterAccepts(policy, map[string][2]string{}, ""); err == nil {
			t.Errorf("%s is taken", policy)
		}
	}
}

func FuzzFilter(f *testing.F) {
	f.Add(`{"a":[{"anything-but":["x",{"prefix":"y"}]}],"$or":[{"b":[1]},{"c":[{"cidr":"::/0"}]}]}`, `{"a":["z"],"b":{"c":1}}`)
	f.Fuzz(func(_ *testing.T, policy, body string) {
		_, _ = garrisonsns.FilterAccepts(policy, nil, body)
		_, _ = garrisonsns.FilterAccepts(policy, map[string][2]string{"a": {"String.Array", body}}, "")
	})
}

func TestDelays(t *testing.T) {
	t.Parallel()
	s := time.Second
	for _, tt := range []struct {
		name string
		got  []time.Duration
		want []time.Duration
	}{
		{"the default", garrisonsns.Delays(20, 20, 3, 0, "linear"), []time.Duration{20 * s, 20 * s, 20 * s}},
		{"linear", garrisonsns.Delays(10, 30, 4, 1, "linear"), []time.Duration{0, 10 * s, 20 * s, 30 * s}},
		{"exponential", garrisonsns.Delays(1, 7, 3, 0, "exponential"), []time.Duration{s, 3 * s, 7 * s}},
		{"geometric", garrisonsns.Delays(1, 4, 3, 0, "geometric"), []time.Duration{s, 2 * s, 4 * s}},
		{"arithmetic", garrisonsns.Delays(0, 4, 3, 0, "arithmetic"), []time.Duration{0, s, 4 * s}},
		{"none", garrisonsns.Delays(1, 4, 0, 0, "linear"), nil},
	} {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}
