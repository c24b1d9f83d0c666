"""The one reader and writer of each kind of file: whole or not there, and noticed when it is damaged."""

from mmc_tf.files.array_files import read_array as read_array
from mmc_tf.files.array_files import read_arrays as read_arrays
from mmc_tf.files.array_files import write_array as write_array
from mmc_tf.files.array_files import write_arrays as write_arrays
from mmc_tf.files.atomic import PROBE_BYTES as PROBE_BYTES
from mmc_tf.files.atomic import check_writable as check_writable
from mmc_tf.files.atomic import clear_temporaries as clear_temporaries
from mmc_tf.files.atomic import held as held
from mmc_tf.files.atomic import locked as locked
from mmc_tf.files.atomic import replacing as replacing
from mmc_tf.files.atomic import write_text as write_text
from mmc_tf.files.damage import DamagedFileError as DamagedFileError
from mmc_tf.files.damage import one_line as one_line
from mmc_tf.files.json_files import read_json as read_json
from mmc_tf.files.json_files import read_record as read_record
from mmc_tf.files.json_files import write_json as write_json
from mmc_tf.files.json_files import write_record as write_record
from mmc_tf.files.seals import check_archive as check_archive
from mmc_tf.files.seals import seal as seal
from mmc_tf.files.tables import read_table as read_table
from mmc_tf.files.tables import write_table as write_table
