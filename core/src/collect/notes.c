/**
 * Notes of an operation: metadata, events, a description, components beyond the eighth. They are written to the ring of
 * the lane at once, as small MessagePack values, so that nothing has to be kept until the end and an operation that
 * never ends has its notes too.
 */
#include "segment/notes.h"

#include "base/text.h"
#include "collect/operation.h"

#include <string.h>

#define UNITS (TACHO__NOTE_BYTES / TACHO__NOTE_ALIGN)

/* ------------------------------------------------------------------------------------------------------ MessagePack */

/* Bytes in the making, on the stack: the record path asks for no memory. */
typedef struct packing {
    uint32_t length;
    bool full;
    uint8_t bytes[TACHO__NOTE_BYTES];
} packing;

static void pack_bytes(packing *p, const void *bytes, size_t length) {
    if (p->full || length > sizeof p->bytes - p->length) {
        p->full = true;
        return;
    }
    memcpy(p->bytes + p->length, bytes, length);
    p->length += (uint32_t)length;
}

static void pack_byte(packing *p, unsigned byte) {
    const uint8_t one = (uint8_t)byte;
    pack_bytes(p, &one, 1);
}

static void pack_word(packing *p, unsigned type, uint64_t word) {
    uint8_t bytes[9] = {(uint8_t)type};
    for (int i = 8; i > 0; --i, word >>= 8) {
        bytes[i] = (uint8_t)word;
    }
    pack_bytes(p, bytes, sizeof bytes);
}

static void pack_text(packing *p, const char *text) {
    char clean[TACHO__TEXT_CAP + 1];
    const size_t length = tacho__text_clean(text, strlen(text), clean);
    if (length < 32) {
        pack_byte(p, 0xa0 | (unsigned)length);
    } else {
        pack_byte(p, 0xd9);
        pack_byte(p, (unsigned)length);
    }
    pack_bytes(p, clean, length);
}

static void pack_integer(packing *p, int64_t value) {
    if (value >= 0 && value < 128) {
        pack_byte(p, (unsigned)value);
    } else {
        pack_word(p, 0xd3, (uint64_t)value);
    }
}

static void pack_value(packing *p, const tacho_note *note) {
    uint64_t bits;
    switch (note->type) {
    case TACHO_NOTE_TEXT:
        pack_text(p, note->text ? note->text : "");
        break;
    case TACHO_NOTE_INTEGER:
        pack_integer(p, note->integer);
        break;
    case TACHO_NOTE_NUMBER:
        memcpy(&bits, &note->number, sizeof bits);
        pack_word(p, 0xcb, bits);
        break;
    case TACHO_NOTE_BOOLEAN:
        pack_byte(p, note->integer ? 0xc3 : 0xc2);
        break;
    default:
        pack_byte(p, 0xc0);
        break;
    }
}

static void pack_notes(packing *p, const tacho_note *notes, size_t count) {
    pack_byte(p, 0xde);
    pack_byte(p, (unsigned)(count >> 8));
    pack_byte(p, (unsigned)count);
    for (size_t i = 0; i < count && !p->full; ++i) {
        pack_text(p, notes[i].name);
        pack_value(p, &notes[i]);
    }
}

static bool are_valid(const tacho_note *notes, size_t count) {
    bool valid = count == 0 || notes;
    for (size_t i = 0; i < count && valid; ++i) {
        valid = notes[i].name && *notes[i].name && notes[i].type <= TACHO_NOTE_BOOLEAN;
    }
    return valid;
}

/* ------------------------------------------------------------------------------------------------------------ notes */

static void start(packing *p) {
    p->length = 0;
    p->full = false;
}

/* What it takes of the room of its operation. */
static uint32_t room_of(const packing *p) {
    return (p->length + TACHO__NOTE_ALIGN - 1) / TACHO__NOTE_ALIGN;
}

static bool add(tacho__lane *lane, tacho__op *op, uint32_t sort, const packing *p) {
    const uint32_t room = room_of(p);
    if (p->full || op->note_units + room > UNITS) {
        tacho__drop_count(lane->segment, TACHO__DROP_NOTE_REFUSED);
        return false;
    }
    const tacho__note note = {op->id, sort, p->length, p->bytes};
    if (!tacho__notes_add(&op->series->collector->writer, lane, &note)) {
        return false;
    }
    op->note_units = (uint8_t)(op->note_units + room);
    op->flags |= TACHO__RECORD_NOTES;
    return true;
}

void tacho__op_describe(tacho__lane *lane, tacho__op *op, const char *description) {
    packing p TACHO__UNINITIALIZED;
    start(&p);
    pack_text(&p, description);
    if (*description) {
        add(lane, op, TACHO__NOTE_DESCRIPTION, &p);
    }
}

tacho_status tacho__op_metadata(tacho__lane *lane, tacho__op *op, const tacho_note *notes, size_t count) {
    packing p TACHO__UNINITIALIZED;
    if (!are_valid(notes, count)) {
        tacho__drop_count(lane->segment, TACHO__DROP_INVALID);
        return TACHO_INVALID;
    }
    /* One by one if they do not fit together: what fits is kept. */
    start(&p);
    pack_notes(&p, notes, count < UINT16_MAX ? count : UINT16_MAX);
    if (count == 0 || (!p.full && op->note_units + room_of(&p) <= UNITS)) {
        if (count) {
            add(lane, op, TACHO__NOTE_METADATA, &p);
        }
        return TACHO_OK;
    }
    for (size_t i = 0; i < count; ++i) {
        start(&p);
        pack_notes(&p, &notes[i], 1);
        add(lane, op, TACHO__NOTE_METADATA, &p);
    }
    return TACHO_OK;
}

static void add_event(tacho__lane *lane, tacho__op *op, const char *name, const tacho_note *fields, size_t count) {
    packing p TACHO__UNINITIALIZED;
    start(&p);
    pack_byte(&p, 0x93);
    pack_word(&p, 0xd3, tacho__now(&op->series->collector->clock));
    pack_text(&p, name);
    pack_notes(&p, fields, count < UINT16_MAX ? count : UINT16_MAX);
    add(lane, op, TACHO__NOTE_EVENT, &p);
}

void tacho__op_event(tacho__lane *lane, tacho__op *op, const char *name, const char *field, const char *value) {
    const tacho_note note = {field, TACHO_NOTE_TEXT, 0, value, 0, 0};
    add_event(lane, op, name, &note, 1);
}

void tacho__op_more_component(tacho__lane *lane, tacho__op *op, const char *name, uint64_t ns) {
    packing p TACHO__UNINITIALIZED;
    start(&p);
    pack_byte(&p, 0x92);
    pack_text(&p, name);
    pack_integer(&p, (int64_t)ns);
    if (!add(lane, op, TACHO__NOTE_COMPONENT, &p)) {
        tacho__drop_count(lane->segment, TACHO__DROP_COMPONENT_MORE);
    }
}

/* ----------------------------------------------------------------------------------------------------------- public
 */

static tacho_status refused(const tacho__op *op) {
    if (!op || op->serial == 0 || !tacho__writer_lives(op->serial) || !tacho__is_enabled(op->series->collector) ||
        atomic_load_explicit(&op->state, memory_order_relaxed) == TACHO__OP_OPEN) {
        return TACHO_OK;
    }
    return tacho__misuse(op->series->collector, TACHO_ENDED);
}

tacho_status tacho_operation_metadata(tacho_operation *operation, const tacho_note *notes, size_t count) {
    tacho__op *op = tacho__op_of(operation);
    tacho__lane *lane = tacho__op_enter(op);
    if (!lane) {
        return refused(op);
    }
    const tacho_status status = tacho__op_metadata(lane, op, notes, count);
    tacho__lane_leave(&op->series->collector->writer, lane);
    return status;
}

tacho_status tacho_operation_event(tacho_operation *operation, const char *name, const tacho_note *fields,
                                   size_t count) {
    tacho__op *op = tacho__op_of(operation);
    tacho__lane *lane = tacho__op_enter(op);
    if (!lane) {
        return refused(op);
    }
    const bool valid = name && *name && are_valid(fields, count);
    if (valid) {
        add_event(lane, op, name, fields, count);
    } else {
        tacho__drop_count(lane->segment, TACHO__DROP_INVALID);
    }
    tacho__lane_leave(&op->series->collector->writer, lane);
    return valid ? TACHO_OK : TACHO_INVALID;
}

tacho_status tacho_operation_describe(tacho_operation *operation, const char *description) {
    tacho__op *op = tacho__op_of(operation);
    tacho__lane *lane = description && *description ? tacho__op_enter(op) : NULL;
    if (!lane) {
        return description && *description ? refused(op) : TACHO_OK;
    }
    tacho__op_describe(lane, op, description);
    tacho__lane_leave(&op->series->collector->writer, lane);
    return TACHO_OK;
}
