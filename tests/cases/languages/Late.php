<?php
class Late
{
    public function word(): string
    {
        return 'late';
    }
}
