Note.create!(title: 'seed', body: 'from db/seeds.rb') unless Note.exists?(title: 'seed')
