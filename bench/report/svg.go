package report

import (
	"bytes"
	"fmt"
	"html"
)

// Sizes of the picture, in its own units.
const (
	svgWidth   = 990
	labelWidth = 460
	goalAt     = labelWidth + 210 // where a goal that is just met ends
	barsEnd    = labelWidth + 330 // a bar longer than that is cut
	lineHeight = 26
	topHeight  = 74
)

// SVG draws a bar for each figure. Each is scaled to its own goal, so that one line
// is the goal of all and longer is better throughout.
func SVG(rows []Latest) []byte {
	n := 0
	for _, r := range rows {
		n += len(r.Figures)
	}
	height := topHeight + n*lineHeight + 16
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="13">
<title id="title">usher against its goals</title>
<style>
.paper { fill: #ffffff } text { fill: #1f2328 } .soft { fill: #59636e }
.met { fill: #2f7d4f } .missed { fill: #c2551e } .goal { stroke: #1f2328; stroke-dasharray: 4 3 } .range { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117 } text { fill: #f0f6fc } .soft { fill: #9198a1 }
.met { fill: #3fa56b } .missed { fill: #e0793f } .goal, .range { stroke: #f0f6fc }
}
</style>
<rect class="paper" width="%[1]d" height="%[2]d"/>
<text x="12" y="26" font-size="16" font-weight="600">usher against its goals</text>
<text class="soft" x="12" y="46">Each bar is scaled to its own goal: past the line is met. Thin lines reach from the worst to the best round.</text>
<text class="soft" x="%d" y="66" text-anchor="middle">goal</text>
`, svgWidth, height, goalAt)
	y := topHeight
	for _, r := range rows {
		for _, f := range r.Figures {
			bar(&b, y, r.Title(), f)
			y += lineHeight
		}
	}
	fmt.Fprintf(&b, "<line class=\"goal\" x1=\"%d\" x2=\"%[1]d\" y1=\"%d\" y2=\"%d\"/>\n</svg>\n", goalAt, topHeight-4, y+4)
	return b.Bytes()
}

func bar(b *bytes.Buffer, y int, title string, f Figure) {
	class := f.Verdict()
	end := place(f.Score())
	fmt.Fprintf(b, "<text x=\"12\" y=\"%d\">%s <tspan class=\"soft\">%s</tspan></text>\n", y+15, html.EscapeString(title), html.EscapeString(f.Name))
	fmt.Fprintf(b, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"14\" rx=\"2\"/>\n", class, labelWidth, y+4, end-labelWidth)
	worst, best := f, f
	worst.Value.Median, best.Value.Median = f.Value.Min, f.Value.Max
	from, to := place(worst.Score()), place(best.Score())
	fmt.Fprintf(b, "<line class=\"range\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%[3]d\"/>\n", min(from, to), max(from, to), y+11)
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\">%s <tspan class=\"soft\">%s</tspan></text>\n", barsEnd+12, y+15, f.ValueText(), html.EscapeString(f.GoalText()))
}

// place is where a bar of that score ends.
func place(score float64) float64 {
	return min(labelWidth+score*(goalAt-labelWidth), barsEnd)
}
