/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library's own memory is copied out of, and given back, at once: it has an allocator of its
 * own. What it asks of files and of the KDC it asks in zu_gss_step alone; credentials are given
 * back there, too.
 *
 * A name is used as far as its first NUL, as applications set them with one behind.
 */
#include "engine/security/gss.h"

#include "engine/base/alloc.h"
#include "include/zmq.h"

#include <errno.h>
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_krb5.h>
#include <string.h>

struct zu_gss {
    const struct zu_kerberos *names;
    bool server, wraps;
    gss_ctx_id_t context;
    gss_buffer_desc token;
    char *client; /* or NULL: not known yet */
};

int zu_gss_new(struct zu_gss **out, const struct zu_kerberos *names, bool server, bool wraps)
{
    struct zu_gss *g = zu_alloc_zero(sizeof *g);

    if (!g)
        return -ENOMEM;
    g->names = names;
    g->server = server;
    g->wraps = wraps;
    g->context = GSS_C_NO_CONTEXT;
    *out = g;
    return 0;
}

static void drop_token(struct zu_gss *g)
{
    OM_uint32 minor;

    gss_release_buffer(&minor, &g->token);
}

void zu_gss_free(struct zu_gss *g)
{
    OM_uint32 minor;

    if (!g)
        return;
    drop_token(g);
    gss_delete_sec_context(&minor, &g->context, GSS_C_NO_BUFFER);
    zu_free(g->client);
    zu_free(g);
}

const void *zu_gss_token(const struct zu_gss *g, size_t *size)
{
    *size = g->token.length;
    return g->token.value;
}

const char *zu_gss_client(const struct zu_gss *g)
{
    return g->client;
}

/* ---- the introduction ---- */

/* -ENOMEM where the library says so, else `otherwise`. */
static int error_of(OM_uint32 minor, int otherwise)
{
    return minor == ENOMEM ? -ENOMEM : otherwise;
}

/* No name at all is GSS_C_NO_NAME. */
static int import(gss_name_t *name, const struct zu_text *text, int type)
{
    const gss_OID types[] = {[ZMQ_GSSAPI_NT_HOSTBASED] = GSS_C_NT_HOSTBASED_SERVICE,
                             [ZMQ_GSSAPI_NT_USER_NAME] = GSS_C_NT_USER_NAME,
                             [ZMQ_GSSAPI_NT_KRB5_PRINCIPAL] =
                                 (gss_OID)(uintptr_t)GSS_KRB5_NT_PRINCIPAL_NAME};
    gss_buffer_desc bytes = {.length = strlen(text->bytes),
                             .value = (void *)(uintptr_t)text->bytes};
    OM_uint32 minor;

    *name = GSS_C_NO_NAME;
    if (bytes.length == 0)
        return 0;
    return GSS_ERROR(gss_import_name(&minor, &bytes, types[type], name)) ? error_of(minor, -EACCES)
                                                                         : 0;
}

/* What this side shows: of the principal that was set, or of whoever the machine says it is. A
 * client's library finds that out by itself, as it then knows the service. */
static int acquire(struct zu_gss *g, gss_cred_id_t *credential)
{
    gss_OID_set_desc kerberos = {.count = 1, .elements = (gss_OID)(uintptr_t)gss_mech_krb5};
    gss_name_t name;
    OM_uint32 minor;
    int rc = import(&name, &g->names->principal, g->names->principal_type);

    if (rc < 0 || (name == GSS_C_NO_NAME && !g->server))
        return rc;
    if (GSS_ERROR(gss_acquire_cred(&minor, name, GSS_C_INDEFINITE, &kerberos,
                                   g->server ? GSS_C_ACCEPT : GSS_C_INITIATE, credential, NULL,
                                   NULL)))
        rc = error_of(minor, -EACCES);
    gss_release_name(&minor, &name);
    return rc;
}

/* What `flags` have to say of a connection that is through. */
static bool is_good(const struct zu_gss *g, OM_uint32 flags)
{
    OM_uint32 due = GSS_C_MUTUAL_FLAG | (g->wraps ? GSS_C_CONF_FLAG | GSS_C_REPLAY_FLAG : 0u);

    return (flags & due) == due;
}

static int initiate(struct zu_gss *g, gss_cred_id_t credential, gss_buffer_t theirs)
{
    OM_uint32 wanted = GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG |
                       GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG;
    OM_uint32 minor, major, flags = 0;
    gss_name_t service;
    int rc = import(&service, &g->names->service, g->names->service_type);

    if (rc < 0 || service == GSS_C_NO_NAME)
        return rc < 0 ? rc : -EACCES;
    major = gss_init_sec_context(&minor, credential, &g->context, service,
                                 (gss_OID)(uintptr_t)gss_mech_krb5, wanted, 0,
                                 GSS_C_NO_CHANNEL_BINDINGS, theirs, NULL, &g->token, &flags, NULL);
    if (GSS_ERROR(major)) /* before the other side has spoken it cannot be its fault */
        rc = error_of(minor, theirs ? -EPROTO : -EACCES);
    else if (!(major & GSS_S_CONTINUE_NEEDED))
        rc = is_good(g, flags) ? 1 : -EPROTO;
    gss_release_name(&minor, &service);
    return rc;
}

static int name_client(struct zu_gss *g, gss_name_t name)
{
    gss_buffer_desc text = {.length = 0};
    OM_uint32 minor;
    int rc = -EPROTO;

    if (GSS_ERROR(gss_display_name(&minor, name, &text, NULL)))
        return error_of(minor, rc);
    if (text.length > 0 && !memchr(text.value, '\0', text.length)) {
        g->client = zu_alloc_zero(text.length + 1);
        rc = g->client ? 0 : -ENOMEM;
    }
    if (rc == 0)
        memcpy(g->client, text.value, text.length);
    gss_release_buffer(&minor, &text);
    return rc;
}

static int accept_token(struct zu_gss *g, gss_cred_id_t credential, gss_buffer_t theirs)
{
    gss_name_t client = GSS_C_NO_NAME;
    OM_uint32 minor, major, flags = 0;
    int rc = 0;

    major =
        gss_accept_sec_context(&minor, &g->context, credential, theirs, GSS_C_NO_CHANNEL_BINDINGS,
                               &client, NULL, &g->token, &flags, NULL, NULL);
    if (GSS_ERROR(major))
        rc = error_of(minor, -EPROTO);
    else if (!(major & GSS_S_CONTINUE_NEEDED))
        rc = is_good(g, flags) && g->token.length > 0 ? name_client(g, client) : -EPROTO;
    if (rc == 0 && !(major & GSS_S_CONTINUE_NEEDED))
        rc = 1;
    gss_release_name(&minor, &client);
    return rc;
}

int zu_gss_step(struct zu_gss *g, const void *token, size_t size)
{
    gss_buffer_desc theirs = {.length = size, .value = (void *)(uintptr_t)token};
    gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
    OM_uint32 minor;
    int rc;

    drop_token(g);
    rc = g->context == GSS_C_NO_CONTEXT ? acquire(g, &credential) : 0;
    if (rc == 0)
        rc = g->server ? accept_token(g, credential, &theirs)
                       : initiate(g, credential, token ? &theirs : GSS_C_NO_BUFFER);
    if (rc < 0)
        drop_token(g); /* it would say why: nobody is there to hear it */
    gss_release_cred(&minor, &credential);
    return rc;
}

/* ---- what goes ---- */

int zu_gss_wrap(struct zu_gss *g, uint8_t *at, const void *text, size_t size, size_t *wrapped)
{
    gss_buffer_desc in = {.length = size, .value = (void *)(uintptr_t)text}, out = {.length = 0};
    OM_uint32 minor, major;
    int secret = 0, rc = -EPROTO;

    major = gss_wrap(&minor, g->context, 1, GSS_C_QOP_DEFAULT, &in, &secret, &out);
    if (GSS_ERROR(major))
        rc = error_of(minor, rc);
    else if (secret && out.length <= size + ZU_GSS_WRAP_MAX)
        rc = 0;
    if (rc == 0) {
        memcpy(at, out.value, out.length);
        *wrapped = out.length;
    }
    gss_release_buffer(&minor, &out);
    return rc;
}

/* Complete, and nothing besides: that it was heard before, or out of its order, is told by a bit
 * that is no error. */
int zu_gss_unwrap(struct zu_gss *g, uint8_t *at, size_t *size)
{
    gss_buffer_desc in = {.length = *size, .value = at}, out = {.length = 0};
    OM_uint32 minor, major;
    int secret = 0, rc = -EPROTO;

    major = gss_unwrap(&minor, g->context, &in, &out, &secret, NULL);
    if (GSS_ERROR(major))
        rc = error_of(minor, rc);
    else if (major == GSS_S_COMPLETE && secret && out.length <= *size)
        rc = 0;
    if (rc == 0) {
        if (out.length)
            memcpy(at + *size - out.length, out.value, out.length);
        *size = out.length;
    }
    gss_release_buffer(&minor, &out);
    return rc;
}
