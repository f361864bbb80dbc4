<?php
return [
    'title' => getenv('APP_TITLE') ?: 'notes',
    'secret' => getenv('APP_SECRET') ?: 'secret goes here',
    'data' => getenv('APP_DATA') ?: '/tmp/notes.sqlite',
];
