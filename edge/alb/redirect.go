package alb

import (
	"net/http"
	"strconv"
	"strings"
)

// redirectURL fills a redirect's placeholders (Elastic Load Balancing API,
// RedirectActionConfig). A default port is left out.
func redirectURL(r *Redirect, parts *strings.Replacer) string {
	fill := func(s, keep string) string {
		if s == "" {
			s = keep
		}
		return strings.Map(printable, parts.Replace(s))
	}
	protocol := strings.ToLower(fill(r.Protocol, "#{protocol}"))
	u := protocol + "://" + fill(r.Host, "#{host}")
	port := fill(r.Port, "#{port}")
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[protocol] {
		u += ":" + port
	}
	path := fill(r.Path, "/#{path}")
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	u += path
	query := r.Query
	if query == "" {
		query = "#{query}"
	}
	if query = fill(query, ""); query != "" {
		u += "?" + query
	}
	return u
}

// printable keeps a Location on one line, whatever the request held.
func printable(c rune) rune {
	if c <= ' ' || c == 0x7f {
		return -1
	}
	return c
}

// reasonText is the phrase in status lines; AWS's own codes have none in RFC 9110.
func reasonText(status int) string {
	switch status {
	case 302:
		return "Found"
	case 503:
		return "Service Temporarily Unavailable"
	case 504:
		return "Gateway Time-out"
	case 414:
		return "Request-URI Too Large"
	case 413:
		return "Request Entity Too Large"
	case 408:
		return "Request Time-out"
	case 405:
		return "Not Allowed"
	}
	return http.StatusText(status)
}

// page is the balancer's error page, as AWS's front end writes it.
func page(status int) []byte {
	title := strings.TrimSpace(strconv.Itoa(status) + " " + reasonText(status))
	if status == 301 {
		title = "301 Moved Permanently"
	}
	return []byte("<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
		"</h1></center>\r\n</body>\r\n</html>\r\n")
}

// errorPage answers with the balancer's own page.
func (ex *exchange) errorPage(status int) {
	ex.respond(status, ex.own("text/html"), page(status))
}
