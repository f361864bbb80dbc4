class ApplicationMailer < ActionMailer::Base
  default from: 'app@example.test'
end
