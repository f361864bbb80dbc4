require 'sinatra/base'
require 'json'

class App < Sinatra::Base
  set :root, __dir__
  set :sessions, key: 'visit', expire_after: 3600
  set :session_secret, ENV.fetch('SESSION_SECRET', 'only for these tests ' * 4)

  get('/') { content_type(:text) && 'It works.' }
  get('/json') { content_type(:json) && JSON.pretty_generate(a: [1, nil, 'ä']) }
  post('/json') { content_type(:json) && JSON.parse(request.body.read).to_a.to_json }

  get '/csv' do
    require 'csv'
    content_type :csv
    CSV.generate(col_sep: ';') { |csv| csv << %w[name count] << ['a;b', 3] }
  end

  post '/csv' do
    require 'csv'
    CSV.parse(params[:file][:tempfile].read, headers: true).map(&:to_h).to_json
  end

  get '/yaml' do
    require 'yaml'
    content_type :text
    YAML.dump(YAML.safe_load("when: 2024-02-29\nlist: [a, 2]", permitted_classes: [Date]))
  end

  get('/page') { erb :page, locals: { who: params['who'] || '<you>' } }
  get('/haml') { haml :list, layout: false, locals: { rows: %w[a b] } }
  get('/kramdown') { markdown "# Head\n\n| a | b |\n|---|---|\n| 1 | 2 |", layout: false, layout_engine: :erb }

  get '/visits' do
    session[:count] = session.fetch(:count, 0) + 1
    "visit #{session[:count]}"
  end

  get '/cookie' do
    response.set_cookie 'color', value: 'green', path: '/', httponly: true, same_site: :lax
    redirect to('/page'), 303
  end

  get '/digest' do
    require 'digest'
    require 'openssl'
    content_type :text
    [Digest::MD5.hexdigest('a'), Digest::SHA256.hexdigest('a'), OpenSSL::HMAC.hexdigest('SHA512', 'k', 'a')].join(' ')
  end

  get '/cipher' do
    require 'openssl'
    require 'base64'
    cipher = OpenSSL::Cipher.new('aes-256-gcm').encrypt
    cipher.key = 'k' * 32
    cipher.iv = 'i' * 12
    Base64.strict_encode64(cipher.update('text') + cipher.final + cipher.auth_tag)
  end

  get '/random' do
    require 'securerandom'
    [SecureRandom.uuid.size, SecureRandom.hex(8).size].join(' ')
  end

  get '/gzip' do
    require 'zlib'
    require 'stringio'
    Zlib::GzipReader.new(StringIO.new(Zlib.gzip('text' * 100))).read.size.to_s
  end

  get '/date' do
    require 'date'
    require 'time'
    [Date.parse('29 Feb 2024').next_year, Time.iso8601('2024-07-01T12:00:00Z').httpdate, Time.at(0).strftime('%H:%M %Z')].join(' | ')
  end

  get '/zone' do
    require 'tzinfo'
    TZInfo::Timezone.get(params.fetch('name', 'Asia/Kolkata')).to_local(Time.utc(2024, 7, 1, 12)).to_s
  end

  get '/fetch' do
    require 'net/http'
    Net::HTTP.get(URI(params['url']))
  end

  get '/fetch-tls' do
    require 'open-uri'
    require 'openssl'
    URI.parse(params['url']).open(ssl_verify_mode: OpenSSL::SSL::VERIFY_NONE, &:read)
  end

  get '/database' do
    require 'sqlite3'
    base = SQLite3::Database.new(File.join(ENV.fetch('DATA', '/data'), 'notes.db'))
    base.execute('create table if not exists notes (title text)')
    base.execute('insert into notes values (?)', ['x'])
    base.execute('select count(*), upper(title) from notes group by 2').to_json
  end

  get '/encode' do
    require 'erb'
    require 'uri'
    text = 'Grüße'
    [text.encode('ISO-8859-1').bytes.size, text.encode('Shift_JIS', undef: :replace).bytesize, text.unicode_normalize(:nfd).size,
     URI.encode_www_form(a: text), ERB::Util.html_escape('<&>')].join(' ')
  end

  get '/translate' do
    require 'i18n'
    I18n.load_path = Dir[File.join(__dir__, 'lib', '*.yml')]
    I18n.default_locale = :de
    I18n.with_locale(params.fetch('lang', 'de')) { I18n.l(Date.new(2024, 7, 1), format: :long) }
  end

  get '/misc' do
    %w[set pstore tempfile ostruct optparse bigdecimal matrix open3 logger English socket etc].each { |name| require name }
    [BigDecimal('0.1') + 1, Matrix[[1, 2], [3, 4]].determinant, Open3.capture2('cat', stdin_data: 'piped').first].join(' ')
  end

  get '/gems' do
    content_type :text
    %w[sinatra rack puma].map { |name| Gem::Specification.find_by_name(name).version }.join(' ')
  end

  get '/stream' do
    stream { |out| 3.times { |number| out << "#{number} " } }
  end

  get('/file') { send_file File.join(settings.public_folder, 'own.css'), disposition: :attachment }
  get('/broken') { raise 'as asked' }
  not_found { "nothing at #{request.path_info}" }
end
