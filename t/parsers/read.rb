# What Ruby's json makes of each body: see t/36-parsers.t.

require 'json'

data = File.binread(ARGV[0])
at = 0
out = []

while at < data.bytesize
  n = data.byteslice(at, 4).unpack1('N')
  body = data.byteslice(at + 4, n)
  at += 4 + n

  begin
    v = JSON.parse(body)
  rescue StandardError, SystemStackError
    out << '-'
    next
  end

  m = v.is_a?(Hash) ? v['model'] : nil
  out << (m.is_a?(String) ? 's' + m.unpack1('H*') : m.nil? ? 'n' : 'o')
end

puts out.join("\n")
