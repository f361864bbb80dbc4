require 'sinatra/base'

class App < Sinatra::Base
  get('/') { erb "<a href='/hello'>hello</a>" }
  get('/hello') { 'hello' }
end

run App
