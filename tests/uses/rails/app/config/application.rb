require_relative 'boot'
require 'rails'
%w[active_model active_job active_record action_controller action_mailer action_view action_cable].each { |name| require "#{name}/railtie" if name != 'action_cable' }
require 'action_cable/engine'
require 'sprockets/railtie'
Bundler.require(*Rails.groups) if defined?(Bundler)

module Notes
  class Application < Rails::Application
    config.load_defaults 6.1
    config.secret_key_base = ENV.fetch('SECRET_KEY_BASE', 'x' * 64)
    config.time_zone = ENV.fetch('APP_ZONE', 'UTC')
    config.i18n.available_locales = %i[en de]
    config.active_job.queue_adapter = :async
  end
end
