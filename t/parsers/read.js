// What JSON.parse makes of each body: see t/36-parsers.t.

const fs = require('fs');
const data = fs.readFileSync(process.argv[2]);
const decoder = new TextDecoder('utf-8');
const out = [];

for (let at = 0; at < data.length; ) {
    const n = data.readUInt32BE(at);
    const body = data.subarray(at + 4, at + 4 + n);
    at += 4 + n;

    let v;

    try {
        v = JSON.parse(decoder.decode(body));
    } catch (e) {
        out.push('-');
        continue;
    }

    const own = v !== null && typeof v === 'object' && !Array.isArray(v)
                && Object.prototype.hasOwnProperty.call(v, 'model');
    const m = own ? v.model : null;

    out.push(typeof m === 'string' ? 's' + Buffer.from(m).toString('hex')
             : m === null ? 'n' : 'o');
}

fs.writeSync(1, out.join('\n') + '\n');
