package prometheus

import (
	"regexp"
	"time"

	"github.com/prometheus/common/model"
)

// longest is the range of a query that flat can be told from soon: of two minutes, as long as what is called now.
const longest = 2 * time.Minute

// ranges finds [5m] and, of a subquery, [5m:1m].
var ranges = regexp.MustCompile(`\[\s*([0-9a-z]+)\s*(?::[^\]]*)?\]`)

// LongRange is the longest range in a query when it is over two minutes: for so long after a restore, the query keeps the errors from
// before it in view. It returns "" when there is none. It goes by the query's text; what a recording rule hides is not seen.
func LongRange(query string) string {
	text, _ := widest(query)
	return text
}

// longRange is the same as a time; 0 when there is none.
func longRange(query string) time.Duration {
	if text, d := widest(query); text != "" {
		return d
	}
	return 0
}

func widest(query string) (text string, most time.Duration) {
	most = longest
	for _, found := range ranges.FindAllStringSubmatch(query, -1) {
		if d, err := model.ParseDuration(found[1]); err == nil && time.Duration(d) > most {
			text, most = found[1], time.Duration(d)
		}
	}
	return text, most
}
