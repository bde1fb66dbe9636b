"""STUB"""


class Facts:
    def add(self, row, cleaned): ...
    def precision(self, role):
        return "float64"

    def about_groups(self, groups, sequences):
        yield f"errors by {groups} groups"
