package adminclient

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/usher-oauth/usher/adminapi"
)

// pages reads a list page by page. take is given each one and returns where the next
// begins, empty after the last.
func pages[Page any](ctx context.Context, c *Client, path string, take func(*Page) (next string)) error {
	for after := ""; ; {
		query := url.Values{"limit": {strconv.Itoa(adminapi.MaxPage)}, "after": {after}}
		var page Page
		if err := c.call(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &page); err != nil {
			return err
		}
		next := take(&page)
		switch next {
		case "":
			return nil
		case after:
			return fmt.Errorf("%s is no usher: its list has no end", c.base)
		}
		after = next
	}
}
