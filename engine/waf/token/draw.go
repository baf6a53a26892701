package token

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
)

// alphabet leaves out what the eye confuses: 0 O Q, 1 I L, 2 Z, 5 S, 8 B, G 6.
const alphabet = "ACDEFHJKMNPRTUVWXY3479"

// glyphs are the alphabet's letters, seven rows of five dots each.
const glyphs = "01110100011000111111100011000110001" + // A
	"01110100011000010000100001000101110" + // C
	"11110100011000110001100011000111110" + // D
	"11111100001000011110100001000011111" + // E
	"11111100001000011110100001000010000" + // F
	"10001100011000111111100011000110001" + // H
	"00111000100001000010000101001001100" + // J
	"10001100101010011000101001001010001" + // K
	"10001110111010110101100011000110001" + // M
	"10001110011010110011100011000110001" + // N
	"11110100011000111110100001000010000" + // P
	"11110100011000111110101001001010001" + // R
	"11111001000010000100001000010000100" + // T
	"10001100011000110001100011000101110" + // U
	"10001100011000110001100010101000100" + // V
	"10001100011000110101101011101110001" + // W
	"10001100010101000100010101000110001" + // X
	"10001100010101000100001000010000100" + // Y
	"11110000010000101110000010000111110" + // 3
	"00010001100101010010111110001000010" + // 4
	"11111000010001000100010000100001000" + // 7
	"01110100011000101111000010001001100" //  9

const (
	letters   = 6
	width     = 260
	height    = 90
	cell      = 40
	glyphWide = 5
	glyphHigh = 7
	strokes   = 7
)

// dice deals numbers from entropy that was read at once.
type dice struct {
	pool []byte
	at   int
}

func (d *dice) byte() byte {
	b := d.pool[d.at%len(d.pool)]
	d.at++
	return b
}

// between returns a number of [lo, hi].
func (d *dice) between(lo, hi float64) float64 { return lo + (hi-lo)*float64(d.byte())/255 }

// letter is drawn without bias: bytes above the last whole round are passed
// over.
func (d *dice) letter() int {
	for range 64 {
		if b := int(d.byte()); b < 256/len(alphabet)*len(alphabet) {
			return b % len(alphabet)
		}
	}
	return 0
}

// draw makes a picture of random letters, each turned, sheared and moved, under
// a wave and strokes.
func draw(entropy io.Reader) (text string, picture []byte, err error) {
	d := &dice{pool: make([]byte, 512)}
	if _, err := io.ReadFull(entropy, d.pool); err != nil {
		return "", nil, fmt.Errorf("read entropy of a picture: %w", err)
	}
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	var chosen []byte
	for i := range letters {
		l := d.letter()
		chosen = append(chosen, alphabet[l])
		stamp(img, d, glyphs[l*glyphWide*glyphHigh:][:glyphWide*glyphHigh], float64(15+i*cell))
	}
	for range strokes {
		stroke(img, d)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, wave(img, d)); err != nil {
		return "", nil, fmt.Errorf("encode picture: %w", err)
	}
	return string(chosen), out.Bytes(), nil
}

// stamp draws a glyph by asking of each pixel which dot it came from.
func stamp(img *image.Gray, d *dice, glyph string, left float64) {
	turn, shear, scale := d.between(-0.35, 0.35), d.between(-0.25, 0.25), d.between(5.2, 6.6)
	cx, cy := left+cell/2+d.between(-4, 4), height/2+d.between(-9, 9)
	sin, cos := math.Sincos(turn)
	for y := range height {
		for x := int(left) - cell/2; x < int(left)+cell*3/2; x++ {
			dx, dy := float64(x)-cx, float64(y)-cy
			u, v := dx*cos+dy*sin, dy*cos-dx*sin
			col := int(math.Floor((u+shear*v)/scale + glyphWide/2.0))
			row := int(math.Floor(v/scale + glyphHigh/2.0))
			if col >= 0 && col < glyphWide && row >= 0 && row < glyphHigh && glyph[row*glyphWide+col] == '1' {
				img.SetGray(x, y, color.Gray{Y: 40})
			}
		}
	}
}

func stroke(img *image.Gray, d *dice) {
	x0, y0 := d.between(0, width/3), d.between(5, height-5)
	x1, y1 := d.between(2*width/3, width), d.between(5, height-5)
	bend := d.between(-25, 25)
	shade := color.Gray{Y: byte(60 + d.byte()/4)}
	for t := 0.0; t <= 1; t += 0.002 {
		x := x0 + (x1-x0)*t
		y := y0 + (y1-y0)*t + bend*math.Sin(math.Pi*t)
		img.SetGray(int(x), int(y), shade)
		img.SetGray(int(x), int(y)+1, shade)
	}
}

// wave moves each pixel along two sines.
func wave(img *image.Gray, d *dice) *image.Gray {
	out := image.NewGray(img.Bounds())
	ax, ay := d.between(2, 4), d.between(3, 6)
	px, py := d.between(0, 6), d.between(0, 6)
	fx, fy := d.between(14, 22), d.between(28, 45)
	for y := range height {
		for x := range width {
			sx := x + int(ax*math.Sin(float64(y)/fx+px))
			sy := y + int(ay*math.Sin(float64(x)/fy+py))
			shade := color.Gray{Y: 255}
			if image.Pt(sx, sy).In(img.Bounds()) {
				shade = img.GrayAt(sx, sy)
			}
			out.SetGray(x, y, shade)
		}
	}
	return out
}
