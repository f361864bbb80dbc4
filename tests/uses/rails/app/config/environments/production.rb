Rails.application.configure do
  config.cache_classes = true
  config.eager_load = true
  config.active_record.dump_schema_after_migration = false
  config.consider_all_requests_local = false
  config.action_controller.perform_caching = true
  config.public_file_server.enabled = ENV['RAILS_SERVE_STATIC_FILES'].present?
  config.assets.compile = false
  config.force_ssl = ENV['RAILS_FORCE_SSL'].present?
  config.log_level = ENV.fetch('RAILS_LOG_LEVEL', 'info').to_sym
  config.log_tags = [:request_id]
  config.cache_store = :memory_store
  config.action_mailer.delivery_method = :file
  config.action_mailer.file_settings = { location: '/tmp/mails' }
  config.i18n.fallbacks = true
  config.log_formatter = ::Logger::Formatter.new
  if ENV['RAILS_LOG_TO_STDOUT'].present?
    logger = ActiveSupport::Logger.new($stdout)
    logger.formatter = config.log_formatter
    config.logger = ActiveSupport::TaggedLogging.new(logger)
  end
end
