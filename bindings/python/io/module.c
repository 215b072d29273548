/**
 * tachograph._io: what needs SQLite. Loaded by `_core` when the settings ask for it, and then settings do what they
 * say; it has no functions of its own.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <tachograph/history.h>

static int io_exec(PyObject *module) {
    (void)module;
    tacho_history_follow_settings();
    return 0;
}

static PyModuleDef_Slot io_slots[] = {{Py_mod_exec, io_exec}, {0, NULL}};

static struct PyModuleDef io_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "tachograph._io",
    .m_doc = "History for tachograph._core, which loads this when the settings ask for one.",
    .m_slots = io_slots,
};

PyMODINIT_FUNC PyInit__io(void) {
    return PyModuleDef_Init(&io_module);
}
