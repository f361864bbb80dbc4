require 'csv'

class PagesController < ApplicationController
  skip_before_action :verify_authenticity_token
  http_basic_authenticate_with name: 'ann', password: 'word', only: :secret

  def about; end

  def visits
    session[:n] = session[:n].to_i + 1
    cookies.encrypted[:seen] = 'yes'
    render plain: "#{session[:n]} #{cookies.encrypted[:seen]}"
  end

  def words
    render plain: [t('hello', name: 'Ada', locale: params[:locale] || 'en'), 'person'.pluralize, 'Größe'.parameterize, 'octopus'.pluralize, 'x'.titleize].join(' ')
  end

  def zone
    zone = ActiveSupport::TimeZone[params[:name] || 'Berlin']
    render plain: [Time.utc(2024, 7, 1, 12).in_time_zone(zone).iso8601, zone.tzinfo.name, 3.days.inspect, Time.zone.name].join(' ')
  end

  def cipher
    box = ActiveSupport::MessageEncryptor.new('k' * 32)
    render plain: [box.decrypt_and_verify(box.encrypt_and_sign('text')), OpenSSL::Digest::SHA256.hexdigest('x')].join(' ')
  end

  def feed
    render xml: { a: [1, 2], b: { c: 'd' } }.to_xml
  end

  def table
    send_data CSV.generate { |csv| csv << [1, 'x, y'] }, filename: 'table.csv', type: 'text/csv'
  end

  def mail
    NoteMailer.with(to: 'ann@example.test').welcome.deliver_now
    render plain: File.read('/tmp/mails/ann@example.test')[/^(Subject: .*)/, 1].strip
  end

  def job
    CountJob.perform_now
    CountJob.perform_later
    render plain: 'queued'
  end

  def cached
    render plain: Rails.cache.fetch('x', expires_in: 1.hour) { 42 }.to_s
  end

  def broken
    raise 'as asked'
  end

  def file
    send_file Rails.root.join('public/robots.txt'), disposition: 'attachment'
  end

  def secret
    render plain: 'inside'
  end

  def numbers
    render inline: '<%= number_to_currency(1234.5, unit: "€") %> <%= number_to_human_size(123456) %> <%= time_ago_in_words(3.days.ago) %> <%= simple_format("a\n\nb") %><%= sanitize("<b>x</b><script>y</script>") %>'
  end

  def upload
    file = params.require(:file)
    render plain: "#{file.original_filename} #{file.size} #{file.content_type} #{Digest::SHA1.hexdigest(file.read)}"
  end
end
