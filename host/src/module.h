/* module.h - opens a shared object that exports one symbol of data, after looking at who may write to it. */
#ifndef WEIR_MODULE_H
#define WEIR_MODULE_H
#include <stddef.h>

/* 0 when neither the file nor its folder can be written by others than root, the owner and our own group; else -1 and
 * msg says who can and what to do. Links are followed. */
int weir_module_trusted(const char *path, char *msg, size_t size);
/* 0 when the file is a shared object with all the bytes that its ELF headers speak of; else -1 with msg. */
int weir_module_whole(const char *path, char *msg, size_t size);
/* The symbol's address, of at least min_size bytes, or NULL with msg: path, what was found, what was expected. The
 * object stays in the process for ever, also when it is refused after it was opened. */
const void *weir_module_open(const char *path, const char *symbol, size_t min_size, char *msg, size_t size);
/* Bytes of an exported object as its symbol table has them: nothing past it may be read. 0: unknown. */
size_t weir_module_symbol_size(const void *address);
#endif
