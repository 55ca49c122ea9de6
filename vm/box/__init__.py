"""The box: what a virtual machine starts from, made of Debian packages alone.

`lab box build` asks mmdebstrap for a root file system (rootfs.py), whose hook (customize.sh) makes it the
lab's and writes image, kernel and initrd; packs them as Vagrant wants them (build.py); and keeps all of it
with the key that opens it (store.py). It needs a Debian mirror, and no catalogue of boxes.
"""
