"""One reader for each layout in which image data sets are published."""

from mmc_tf.data.readers.arrays import Arrays as Arrays
from mmc_tf.data.readers.arrays import file_error as file_error
from mmc_tf.data.readers.cifar import CIFAR10 as CIFAR10
from mmc_tf.data.readers.cifar import CIFAR100 as CIFAR100
from mmc_tf.data.readers.cifar import CifarFiles as CifarFiles
from mmc_tf.data.readers.cifar_binary import read_cifar_binary as read_cifar_binary
from mmc_tf.data.readers.cifar_python import read_cifar_python as read_cifar_python
from mmc_tf.data.readers.folders import Archive as Archive
from mmc_tf.data.readers.folders import Folder as Folder
from mmc_tf.data.readers.folders import open_archive as open_archive
from mmc_tf.data.readers.folders import open_folder as open_folder
from mmc_tf.data.readers.idx import read_idx as read_idx
from mmc_tf.data.readers.idx import read_idx_dataset as read_idx_dataset
from mmc_tf.data.readers.keras_npz import read_keras_npz as read_keras_npz
from mmc_tf.data.readers.npy import read_npy as read_npy
