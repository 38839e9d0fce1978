"""Files to documents: known language, UTF-8, not binary. Bytes are kept as they are, line endings and all.

Only a byte order mark goes. A file in another encoding is dropped, not guessed at.
"""

from __future__ import annotations

import codecs
import hashlib

from pretrain.data.archives import UNKNOWN
from pretrain.data.document import Document, RawFile
from pretrain.data.languages import DOC_TYPES, language_of
from pretrain.data.sources import Unit, read_unit


def preprocess_unit(unit: Unit) -> list[Document | str]:
    """For each file of `unit` its document, or the reason why it is dropped.

    Raises: SourceError.
    """
    content = read_unit(unit)
    return [to_document(file, repo=unit.repo, licence=content.licence, source=unit.source) for file in content.files]


def to_document(file: RawFile, *, repo: str, licence: str, source: str) -> Document | str:
    """The file as a document, or the reason why it is none; the file's own repo and licence go before the unit's."""
    if file.data is None:
        return file.refused or "preprocess.no_text"
    language = file.language or language_of(file.path)
    if language is None:
        return UNKNOWN
    data = file.data.removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        return "preprocess.empty"
    if b"\0" in data:
        return "preprocess.binary"
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "preprocess.not_utf8"
    return Document(
        id=hashlib.sha256(data).hexdigest(),
        text=text,
        path=_encodable(file.path),
        repo=_encodable(file.repo or repo),
        language=language,
        doc_type=DOC_TYPES[language],
        licence=_encodable(file.licence or licence),
        source=source,
    )


def _encodable(name: str) -> str:
    """A name as it is; bytes of it that are not UTF-8 as `\\udcXX`."""
    return name.encode("utf-8", "backslashreplace").decode()
