function Str(el) return pandoc.Str(string.upper(el.text)) end
function Header(el) el.level = el.level + 1 return el end
