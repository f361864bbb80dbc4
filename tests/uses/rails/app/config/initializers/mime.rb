Mime::Type.register 'application/x-note', :note
