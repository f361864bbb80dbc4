local text = require 'text'
local list = require 'pandoc.List'
function Pandoc(doc)
  local words = list{text.upper('grüße'), pandoc.utils.stringify(doc.blocks[1]), pandoc.utils.sha1('x'), tostring(PANDOC_VERSION)}
  local parsed = pandoc.read('*a*', 'markdown')
  doc.blocks:insert(pandoc.Para(words:map(function(word) return pandoc.Code(word) end)))
  doc.blocks:extend(parsed.blocks)
  return doc
end
