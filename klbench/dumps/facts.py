"""STUB"""


class Facts:
    def add(self, row, cleaned): ...
