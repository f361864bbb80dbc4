class StreamsController < ApplicationController
  include ActionController::Live

  def stream
    response.headers['Content-Type'] = 'text/event-stream'
    3.times { |n| response.stream.write "data: #{n}\n\n" }
  ensure
    response.stream.close
  end
end
