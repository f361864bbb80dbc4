class NoteMailer < ApplicationMailer
  def welcome
    attachments['a.txt'] = 'text'
    mail(to: params[:to], subject: 'Willkommen, grün')
  end
end
