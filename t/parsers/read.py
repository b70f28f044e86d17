# What Python's json makes of each body: see t/36-parsers.t.

import json
import sys

data = open(sys.argv[1], 'rb').read()
at = 0
out = []

while at < len(data):
    n = int.from_bytes(data[at:at + 4], 'big')
    body = data[at + 4:at + 4 + n]
    at += 4 + n

    try:
        v = json.loads(body)
    except (ValueError, RecursionError):
        out.append('-')
        continue

    m = v.get('model') if isinstance(v, dict) else None

    out.append('s' + m.encode('utf-8', 'surrogatepass').hex()
               if isinstance(m, str) else 'n' if m is None else 'o')

print('\n'.join(out))
