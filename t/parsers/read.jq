# What jq makes of each line: see t/36-parsers.t.  -R gives it the text.

[try (fromjson | if type == "object" then .model else null end
      | if type == "string" then "s" + (. | @json)
        elif . == null then "n" else "o" end)
 catch "-"] | .[0]
