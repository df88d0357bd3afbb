package assets

import (
	"net/http"
	"strconv"
	"strings"
)

// accepted reads Accept-Encoding (RFC 9110, section 12.5.3). A coding is taken when it, or else the star, is named with a
// weight above 0. What can't be read counts as refused: plain bytes are always understood.
func accepted(h http.Header) func(coding string) bool {
	weights := map[string]float64{}
	for _, one := range strings.Split(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		coding, params, _ := strings.Cut(one, ";")
		weights[strings.ToLower(strings.TrimSpace(coding))] = weight(params)
	}
	return func(coding string) bool {
		if q, named := weights[coding]; named {
			return q > 0
		}
		return weights["*"] > 0
	}
}

func weight(params string) float64 {
	name, value, given := strings.Cut(params, "=")
	if !given {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 0
	}
	return q
}
