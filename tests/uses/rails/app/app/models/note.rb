class Note < ApplicationRecord
  validates :title, presence: true, uniqueness: true, length: { maximum: 20 }
  before_save { self.body = body.to_s.strip }
  scope :recent, -> { order(id: :desc).limit(10) }
end
