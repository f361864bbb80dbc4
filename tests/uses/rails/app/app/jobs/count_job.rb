class CountJob < ApplicationJob
  def perform
    Rails.logger.info "counted #{Note.count >= 0}"
  end
end
