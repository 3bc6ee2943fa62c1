package client

import (
	"context"
	"fmt"
	"iter"
	"net/url"

	"vigil/internal/audit"
	"vigil/internal/web"
)

// Audit yields what people and programs did, the latest first. An error is its last step.
func (c *Client) Audit(ctx context.Context) iter.Seq2[audit.Kept, error] {
	return func(yield func(audit.Kept, error) bool) {
		for cursor := ""; ; {
			var page web.AuditPage
			if err := c.get(ctx, "/api/v1/audit?limit=1000&cursor="+url.QueryEscape(cursor), &page); err != nil {
				yield(audit.Kept{}, fmt.Errorf("audit log: %w", err))
				return
			}
			for _, e := range page.Entries {
				if !yield(e, nil) {
					return
				}
			}
			if cursor = page.Next; cursor == "" {
				return
			}
		}
	}
}

// CheckAudit asks whether the audit log is as it was written.
func (c *Client) CheckAudit(ctx context.Context) (found audit.Checked, err error) {
	err = c.get(ctx, "/api/v1/audit/check", &found)
	return found, err
}
