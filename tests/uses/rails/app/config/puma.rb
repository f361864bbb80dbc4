max = ENV.fetch('RAILS_MAX_THREADS') { 5 }.to_i
threads ENV.fetch('RAILS_MIN_THREADS') { max }.to_i, max
port ENV.fetch('PORT') { 3000 }
environment ENV.fetch('RAILS_ENV') { 'development' }
pidfile ENV.fetch('PIDFILE') { 'tmp/server.pid' }
workers ENV['WEB_CONCURRENCY'].to_i if ENV['WEB_CONCURRENCY']
preload_app! if ENV['WEB_CONCURRENCY']
ssl_bind '0.0.0.0', '8443', cert: ENV['TLS_CERT'], key: ENV['TLS_KEY'] if ENV['TLS_CERT']
plugin :tmp_restart
