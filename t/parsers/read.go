// What encoding/json makes of each body, bound to a struct as servers do it:
// keys match in any case, and what follows the first value is not looked at.
// See t/36-parsers.t.

package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

type call struct {
	Model *string `json:"model"`
}

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}

	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()

	for at := 0; at < len(data); {
		n := int(binary.BigEndian.Uint32(data[at:]))
		body := data[at+4 : at+4+n]
		at += 4 + n

		var v call
		err := json.NewDecoder(bytes.NewReader(body)).Decode(&v)

		if _, other := err.(*json.UnmarshalTypeError); other || err == io.EOF {
			fmt.Fprintln(out, "-")
		} else if err != nil {
			fmt.Fprintln(out, "-")
		} else if v.Model == nil {
			fmt.Fprintln(out, "n")
		} else {
			fmt.Fprintln(out, "s"+hex.EncodeToString([]byte(*v.Model)))
		}
	}
}
