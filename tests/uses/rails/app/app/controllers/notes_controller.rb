class NotesController < ApplicationController
  skip_before_action :verify_authenticity_token

  def index
    @notes = Note.recent
    respond_to do |format|
      format.html
      format.json { render json: @notes.as_json(only: %i[title body tags]) }
      format.xml { render xml: @notes.map { |note| { title: note.title } }.to_xml(root: 'notes') }
    end
  end

  def show
    render json: Note.find(params[:id]).slice(:title, :body)
  end

  def create
    note = Note.new(params.permit(:title, :body, tags: []))
    if note.save
      redirect_to notes_path, notice: 'saved'
    else
      render json: note.errors.full_messages, status: :unprocessable_entity
    end
  end

  def destroy
    Note.find(params[:id]).destroy!
    head :no_content
  end
end
