module ApplicationHelper
  def shout(text) = text.upcase
end
