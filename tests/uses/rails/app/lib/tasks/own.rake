desc 'Count the notes'
task count: :environment do
  puts Note.count
end
