require 'sinatra/base'
require 'zeitwerk'

Zeitwerk::Loader.new.tap { |loader| loader.push_dir("#{__dir__}/models") }.setup

class Site < Sinatra::Base
  get('/') { 'first' }

  get '/second' do
    require 'digest'
    require 'openssl'
    OpenSSL::X509::Store.new.set_default_paths
    latin = "\u00e4".encode('ISO-8859-1')
    erb "<%= Invoice.new.total %> #{Digest::SHA256.hexdigest('a')[0, 6]} #{latin.bytesize}"
  end
end

run Site
