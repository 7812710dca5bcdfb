"""Results in and out in the columns of others: PolyOmics' and RadonPy's CSV files.

`columns` is the table of what each column is, in their unit and in ours, and between which limits a value can be
physical. `units` tells from the numbers of a file which unit they are in; `identities` holds columns against each
other; `imported_row` makes a study of a row; `import_file` and `export_file` do whole files.
"""

from polyomics.interchange.export_file import export_polyomics as export_polyomics
from polyomics.interchange.import_file import ImportSummary as ImportSummary
from polyomics.interchange.import_file import import_file as import_file
